{{- /* The ClusterServingRuntime of the model server. Before it there was one called timoneiro-serving. */ -}}
{{- define "timoneiro.servingRuntime" -}}timoneiro-serving-runtime{{- end -}}
