"""What the Dockerfile promises, read from its instructions."""

import configparser
import json
import re
import shlex

import pytest

from gateway.http.settings import SiteSettings
from gateway.process.settings import SETTINGS, load
from gateway.process.strangers import PACKAGES
from tests.unit.deploy.conftest import ROOT, Cluster


def instructions() -> list[tuple[str, str]]:
    """Every instruction with its arguments, of all stages."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines())]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    return found[max(index for index, (name, _) in enumerate(found) if name == "FROM") :]


def last(name: str) -> str:
    return [rest for instruction, rest in final_stage() if instruction == name][-1]


@pytest.fixture
def environment() -> dict[str, str]:
    pairs = [
        pair.partition("=") for name, rest in final_stage() if name == "ENV" for pair in shlex.split(rest)
    ]
    return {name: value for name, _, value in pairs}


def test_it_runs_as_a_user_that_is_numbered_and_not_root():
    user, _, group = last("USER").partition(":")

    assert int(user) > 0
    assert int(group) > 0


def test_its_user_is_the_one_the_manifests_name(cluster: Cluster):
    for owner in ("Deployment/bellhop", "Deployment/bellhop-mail"):
        context = cluster.pod_templates()[owner]["spec"]["securityContext"]
        assert last("USER") == f"{context['runAsUser']}:{context['runAsGroup']}"
        assert context["fsGroup"] == context["runAsGroup"]


def test_it_starts_the_gateway_and_any_other_command_of_bellhop():
    assert json.loads(last("ENTRYPOINT")) == ["bellhop"]
    assert json.loads(last("CMD")) == ["serve"]
    assert last("STOPSIGNAL") == "SIGTERM"


def test_its_settings_are_settings_and_work(environment: dict[str, str]):
    names = {name for name in environment if name.startswith("BELLHOP_")}

    assert names <= {setting.variable for setting in SETTINGS}
    site = load({name: environment[name] for name in names} | {"BELLHOP_JWT_SECRET": "x" * 32})[SiteSettings]
    assert site.hosts == site.internal_hosts == ("0.0.0.0",)


def test_all_that_it_writes_lies_in_the_one_volume(environment: dict[str, str]):
    assert last("VOLUME") == last("WORKDIR") == "/var/lib/bellhop"
    assert environment["BELLHOP_STORE_URL"].startswith("sqlite:////var/lib/bellhop/")
    assert environment["BELLHOP_MAIL_URL"].startswith("spool:////var/lib/bellhop/")
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"


def test_its_ports_are_those_of_its_settings_and_of_the_manifests(
    environment: dict[str, str], cluster: Cluster
):
    ports = cluster.pod_templates()["Deployment/bellhop"]["spec"]["containers"][0]["ports"]

    assert last("EXPOSE").split() == [environment["BELLHOP_PORT"], environment["BELLHOP_INTERNAL_PORT"]]
    assert [str(port["containerPort"]) for port in ports] == last("EXPOSE").split()


def test_nothing_is_left_to_compile_at_run_time():
    ours, standard_library = (
        shlex.split(step)
        for name, rest in instructions()
        if name == "RUN"
        for step in rest.split("&&")
        if "compileall" in step
    )

    assert ours[-1] == "/opt/bellhop/lib"
    assert "-qf" in ours, "what pip compiled on its way would stay, and be checked at each import"
    assert "stdlib" in standard_library[-1]
    for words in (ours, standard_library):
        assert words[words.index("--invalidation-mode") + 1] == "unchecked-hash"


def test_its_health_check_asks_the_node_by_the_nodes_own_settings():
    command = json.loads(last("HEALTHCHECK").partition("CMD ")[2])

    # Without the working directory on the path, which the node writes to.
    assert command == ["python", "-P", "-m", "gateway.process.alive"]


def test_every_package_of_the_distribution_is_copied_into_it():
    copied = {rest.split()[0].rstrip("/") for name, rest in instructions() if name == "COPY"}
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }

    assert copied.issuperset(PACKAGES)
    assert let_through.issuperset(PACKAGES)


def test_its_dependencies_have_the_versions_that_were_tested():
    installs = [
        shlex.split(step) for name, rest in instructions() if name == "RUN" for step in rest.split("&&")
    ]
    (of_others,) = [step for step in installs if "-r" in step and "install" in step]

    assert of_others[of_others.index("--constraint") + 1] == "constraints.txt"
    assert "constraints.txt" in next(
        rest for name, rest in instructions() if name == "COPY" and "setup.cfg" in rest
    )
    assert "!constraints.txt" in (ROOT / ".dockerignore").read_text().splitlines()


def test_the_package_and_the_image_have_one_version(base: Cluster):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    version = setup["metadata"]["version"]
    image = base.pod_templates()["Deployment/bellhop"]["spec"]["containers"][0]["image"]

    assert f"VERSION={version}" in [rest for name, rest in final_stage() if name == "ARG"]
    assert image.endswith(f":{version}")
