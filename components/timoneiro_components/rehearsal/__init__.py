"""A package in the real model server, before anything is published: started, asked, and measured."""
