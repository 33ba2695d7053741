"""The API of Kubeflow Pipelines (v2beta1), by its generated client. Every fault is a KubeflowError of one sentence.

Not by kfp.Client, which takes seconds to import, prints, keeps settings in the home of who asks, and waits forever for
a run that was cancelled.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import kfp_server_api as generated
import urllib3

from .connection import Connection
from .errors import FAILED, NO_ANSWER, NOT_FOUND, KubeflowError

_SECONDS = (10, 60)  # to connect, to answer
_LONGEST_MESSAGE = 400


class PipelineApi:
    """Experiments, runs and schedules (which the API calls recurring runs) of one profile."""

    def __init__(self, client: Any, connection: Connection) -> None:
        self._client = client
        self._connection = connection
        self._experiments = generated.ExperimentServiceApi(client)
        self._runs = generated.RunServiceApi(client)
        self._schedules = generated.RecurringRunServiceApi(client)

    @classmethod
    def connect(cls, connection: Connection) -> Self:
        """Asks nothing yet."""
        configuration = generated.Configuration(host=connection.host)
        if connection.authority is not None:
            configuration.ssl_ca_cert = str(connection.authority)
        if connection.token is not None:

            def renew(of: Any) -> None:
                of.api_key["authorization"] = connection.read_token()

            renew(configuration)
            configuration.api_key_prefix["authorization"] = "Bearer"
            configuration.refresh_api_key_hook = renew
        # Nothing is asked twice without a word, and nobody who redirects gets the token.
        configuration.retries = urllib3.Retry(total=0, redirect=False)
        return cls(generated.ApiClient(configuration), connection)

    def experiment(self, name: str) -> str:
        """Id of the experiment, "" if there is none of that name."""
        with self._sentences("the experiments"):
            found = self._experiments.experiment_service_list_experiments(
                filter=_named(name), page_size=2, _request_timeout=_SECONDS, **self._profile()
            )
        return next((str(each.experiment_id) for each in found.experiments or () if each.display_name == name), "")

    def create_experiment(self, name: str) -> str:
        """Id of the new experiment."""
        body = generated.V2beta1Experiment(display_name=name, namespace=self._connection.profile or None)
        with self._sentences(f"the experiment {name}", writing=True):
            made = self._experiments.experiment_service_create_experiment(body, _request_timeout=_SECONDS)
        return str(made.experiment_id)

    def delete_experiment(self, identity: str) -> None:
        with self._sentences(f"the experiment {identity}", writing=True):
            self._experiments.experiment_service_delete_experiment(identity, _request_timeout=_SECONDS)

    def create_run(self, **fields: Any) -> str:
        """Id of the new run. `fields`: of V2beta1Run."""
        with self._sentences(f"the run {fields['display_name']}", writing=True):
            made = self._runs.run_service_create_run(generated.V2beta1Run(**fields), _request_timeout=_SECONDS)
        return str(made.run_id)

    def run(self, identity: str) -> Any:
        """The V2beta1Run."""
        with self._sentences(f"the run {identity}"):
            return self._runs.run_service_get_run(identity, _request_timeout=_SECONDS)

    def runs(self, *, experiment: str = "", limit: int = 20) -> list[Any]:
        """The latest V2beta1Runs, the newest first: of one experiment, or of the whole profile."""
        of = {"experiment_id": experiment} if experiment else self._profile()
        with self._sentences("the runs"):
            found = self._runs.run_service_list_runs(
                page_size=limit, sort_by="created_at desc", _request_timeout=_SECONDS, **of
            )
        return list(found.runs or ())

    def create_schedule(self, **fields: Any) -> str:
        """Id of the new schedule. `fields`: of V2beta1RecurringRun."""
        body = generated.V2beta1RecurringRun(**fields)
        with self._sentences(f"the schedule {fields['display_name']}", writing=True):
            made = self._schedules.recurring_run_service_create_recurring_run(body, _request_timeout=_SECONDS)
        return str(made.recurring_run_id)

    def schedules(self, name: str, *, experiment: str) -> list[Any]:
        """V2beta1RecurringRuns of that name in the experiment: none, one, or the rest of something that was cut off."""
        with self._sentences("the schedules"):
            found = self._schedules.recurring_run_service_list_recurring_runs(
                filter=_named(name), experiment_id=experiment, page_size=100, _request_timeout=_SECONDS
            )
        return [each for each in found.recurring_runs or () if each.display_name == name]

    def delete_schedule(self, identity: str) -> None:
        with self._sentences(f"the schedule {identity}", writing=True):
            self._schedules.recurring_run_service_delete_recurring_run(identity, _request_timeout=_SECONDS)

    def enable_schedule(self, identity: str, *, enabled: bool) -> None:
        change = (
            self._schedules.recurring_run_service_enable_recurring_run
            if enabled
            else self._schedules.recurring_run_service_disable_recurring_run
        )
        with self._sentences(f"the schedule {identity}", writing=True):
            change(identity, _request_timeout=_SECONDS)

    def _profile(self) -> dict[str, str]:
        return {"namespace": self._connection.profile} if self._connection.profile else {}

    @contextmanager
    def _sentences(self, what: str, *, writing: bool = False) -> Iterator[None]:
        """`writing`: after a lost answer nobody knows whether it has happened."""
        try:
            yield
            # The generated client makes an empty answer of a page that is none of this API.
            if not isinstance(_json(self._client.last_response.data), dict):
                raise self._stranger()
        except generated.ApiException as error:
            raise self._refusal(error, what) from None
        except urllib3.exceptions.HTTPError as error:
            if isinstance(getattr(error, "reason", None), urllib3.exceptions.SSLError):
                raise KubeflowError(
                    f"{self._connection.host}: the certificate is not trusted: say with --ca-file who has signed it",
                    code=NO_ANSWER,
                ) from None
            lost = isinstance(error, urllib3.exceptions.ReadTimeoutError | urllib3.exceptions.ProtocolError)
            doubt = f"; whether {what} was written is not known: see `timoneiro training status`"
            raise KubeflowError(
                f"{self._connection.host} does not answer ({_cause(error)}): is --host right, and reachable from "
                f"here?{doubt if writing and lost else ''}",
                code=NO_ANSWER,
                transient=True,
            ) from None

    def _refusal(self, error: Any, what: str) -> KubeflowError:
        told, profile = _message(error.body) or str(error.reason), self._connection.profile
        if 300 <= error.status < 400:
            return KubeflowError(
                f"{self._connection.host} sends to another page, as a login does: give a token with --token-file",
                code=NO_ANSWER,
            )
        if error.status == 401:
            return KubeflowError(
                f"{self._connection.host} does not know who asks ({told}): --token-file must be a token of a service "
                "account for the audience pipelines.kubeflow.org, and not be over",
                code=NO_ANSWER,
            )
        if error.status == 403:
            where = f"profile {profile}" if profile else "this profile"
            return KubeflowError(
                f"{what}: access is refused ({told}): let the service account in, or is {where} the right one?",
                code=NO_ANSWER,
            )
        if error.status == 404 and not isinstance(_json(error.body), dict):
            return self._stranger()
        if error.status == 404:
            return KubeflowError(f"{what} is not there", code=NOT_FOUND)
        if error.status == 400 and "multi-user mode" in told and not profile:
            return KubeflowError(f"{what}: {told}: say with --profile whose namespace it is", code=FAILED)
        transient = error.status == 429 or error.status >= 500
        return KubeflowError(f"{what}: Kubeflow answered {error.status} ({told})", transient=transient)

    def _stranger(self) -> KubeflowError:
        return KubeflowError(
            f"{self._connection.host} answers, and is no API of Kubeflow Pipelines: --host is the address before "
            "/apis, which in Kubeflow often ends with /pipeline",
            code=NO_ANSWER,
        )


def _named(name: str) -> str:
    return json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})


def _json(body: Any) -> Any:
    try:
        return json.loads(body)
    except (TypeError, ValueError):
        return None


def _message(body: Any) -> str:
    """What the server says, in one line."""
    found = _json(body)
    told = found.get("message") or found.get("error") if isinstance(found, dict) else body
    text = told.decode(errors="replace") if isinstance(told, bytes) else str(told or "")
    line = " ".join(text.split())
    # A page of HTML tells nothing.
    if line.startswith("<"):
        return ""
    return line if len(line) <= _LONGEST_MESSAGE else f"{line[:_LONGEST_MESSAGE]}..."


def _cause(error: Exception) -> str:
    """What kept it from an answer, without the names of objects and numbers of errors that come with it."""
    cause = getattr(error, "reason", None) or error
    text = " ".join(str(cause).split()).rpartition(": ")[2]
    return re.sub(r"^\[Errno \d+\] ", "", text) or type(cause).__name__
