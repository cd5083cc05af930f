"""What the manifests promise: they fit the API, keep the internal site inside, and drain in time."""

import re
from copy import deepcopy
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kubernetes_validate
import pytest
import yaml

from gateway.cluster.settings import ClusterSettings
from gateway.ground.settings import SettingsError
from gateway.ground.values import duration
from gateway.mail.settings import BounceSettings, MailSettings
from gateway.notify.settings import StoreSettings
from gateway.process.bounce_office import place_of
from gateway.process.settings import SETTINGS, load
from tests.unit.deploy.conftest import ROOT, Cluster

GATEWAY = "Deployment/bellhop"
MAIL = "Deployment/bellhop-mail"
BOUNCES = "Deployment/bellhop-bounces"
GATEWAY_LABELS = {"app.kubernetes.io/name": "bellhop", "app.kubernetes.io/component": "gateway"}
OLDEST = "1.30"
"""`lifecycle.preStop.sleep` needs no feature gate from here on."""
GOOD = "0123456789abcdef" * 4
KNOWN = {name for setting in SETTINGS for name in (setting.variable, f"{setting.variable}_FILE")}


def container_of(cluster: Cluster, owner: str):
    return cluster.pod_templates()[owner]["spec"]["containers"][0]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_every_manifest_fits_the_schemas_of_kubernetes(cluster: Cluster, version: str):
    for manifest in cluster.manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_file_beside_a_kustomization_is_named_in_it():
    for kustomization in (ROOT / "k8s").rglob("kustomization.yaml"):
        content = yaml.safe_load(kustomization.read_text())
        files = {path.name for path in kustomization.parent.iterdir() if path.suffix == ".yaml"}

        assert files - {"kustomization.yaml"} == {
            name for name in content["resources"] if name.endswith(".yaml")
        }


def test_no_two_manifests_have_one_name_and_all_are_in_one_namespace(cluster: Cluster):
    names = [(m["kind"], m["metadata"]["name"]) for m in cluster.manifests]
    (namespace,) = cluster.of("Namespace")

    assert len(names) == len(set(names))
    assert {m["metadata"].get("namespace") for m in cluster.manifests if m["kind"] != "Namespace"} == {
        namespace
    }


class TestTheInternalSiteStaysInside:
    def test_the_ingress_leads_to_the_public_port_only(self, base: Cluster):
        (ingress,) = base.of("Ingress").values()
        backends = [path["backend"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]

        assert "defaultBackend" not in ingress["spec"]
        assert backends == [{"service": {"name": "bellhop", "port": {"name": "public"}}}]
        (port,) = base.one("Service", "bellhop")["spec"]["ports"]
        assert (port["name"], port["targetPort"]) == ("public", "public")

    def test_no_service_is_reachable_from_outside_by_itself(self, cluster: Cluster):
        assert {service["spec"].get("type", "ClusterIP") for service in cluster.of("Service").values()} == {
            "ClusterIP"
        }

    def test_the_two_sites_have_a_service_each(self, cluster: Cluster):
        ports = {
            name: service["spec"]["ports"][0]["targetPort"]
            for name, service in cluster.of("Service").items()
            if service["spec"]["selector"].items() <= GATEWAY_LABELS.items()
        }

        assert ports == {"bellhop": "public", "bellhop-internal": "internal"}

    def test_only_emitters_and_monitoring_reach_the_internal_port(self, cluster: Cluster):
        rules = cluster.one("NetworkPolicy", "bellhop")["spec"]["ingress"]
        who = {port["port"]: rule["from"] for rule in rules for port in rule["ports"]}

        assert who == {
            "public": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}}
            ],
            "internal": [
                {"namespaceSelector": {}, "podSelector": {"matchLabels": {"bellhop.io/emitter": "true"}}},
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
            ],
        }

    def test_only_monitoring_reaches_the_mail_worker(self, cluster: Cluster):
        (rule,) = cluster.one("NetworkPolicy", "bellhop-mail")["spec"]["ingress"]

        assert rule == {
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
            "ports": [{"port": "internal"}],
        }

    def test_a_policy_covers_every_pod_that_stays(self, cluster: Cluster):
        policies = cluster.of("NetworkPolicy").values()
        covered = [
            owner for p in policies for owner in cluster.selected(p["spec"]["podSelector"]["matchLabels"])
        ]

        lasting = {owner for owner in cluster.pod_templates() if not owner.startswith("Job/")}
        assert set(covered) == lasting

    def test_every_rule_names_the_ports_it_opens(self, cluster: Cluster):
        for policy in cluster.of("NetworkPolicy").values():
            for rule in [*(policy["spec"].get("ingress") or []), *policy["spec"].get("egress", [])]:
                assert rule["ports"]


class TestPods:
    def test_every_pod_is_restricted(self, cluster: Cluster):
        for owner, template in cluster.pod_templates().items():
            pod = template["spec"]
            assert pod["securityContext"]["runAsNonRoot"] is True, owner
            assert pod["securityContext"]["runAsUser"] > 0, owner
            assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, owner
            assert pod["automountServiceAccountToken"] is False, owner
            for container in pod["containers"]:
                assert container["securityContext"] == {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                }, owner
                assert container["resources"]["requests"].keys() == {"cpu", "memory"}, owner
                assert "memory" in container["resources"]["limits"], owner

    def test_every_selector_finds_the_pods_it_is_for(self, cluster: Cluster):
        for kind in ("Deployment", "StatefulSet"):
            for name, manifest in cluster.of(kind).items():
                assert cluster.selected(manifest["spec"]["selector"]["matchLabels"]) == [f"{kind}/{name}"]
        for service in cluster.of("Service").values():
            assert len(cluster.selected(service["spec"]["selector"])) == 1
        for budget in cluster.of("PodDisruptionBudget").values():
            assert cluster.selected(budget["spec"]["selector"]["matchLabels"]) == [GATEWAY]

    def test_no_service_link_passes_for_a_setting(self, cluster: Cluster):
        for owner in (GATEWAY, MAIL):
            assert cluster.pod_templates()[owner]["spec"]["enableServiceLinks"] is False

    def test_every_folder_that_is_written_is_a_volume(self, cluster: Cluster):
        for owner in (GATEWAY, MAIL):
            mounts = {mount["mountPath"] for mount in container_of(cluster, owner)["volumeMounts"]}
            assert mounts == {"/tmp", "/var/lib/bellhop"}

    def test_a_rollout_takes_no_node_away_before_another_is_ready(self, cluster: Cluster):
        rolling = cluster.one("Deployment", "bellhop")["spec"]["strategy"]["rollingUpdate"]

        assert rolling == {"maxSurge": 1, "maxUnavailable": 0}

    def test_the_autoscaler_alone_owns_the_number_of_nodes(self, base: Cluster):
        target = base.one("HorizontalPodAutoscaler", "bellhop")["spec"]["scaleTargetRef"]

        assert f"{target['kind']}/{target['name']}" == GATEWAY
        assert "replicas" not in base.one("Deployment", "bellhop")["spec"]

    def test_trying_it_shows_a_cluster_of_two(self, overlay: Cluster):
        assert overlay.one("Deployment", "bellhop")["spec"]["replicas"] == 2
        assert not overlay.of("HorizontalPodAutoscaler")
        assert not overlay.of("Ingress")


class TestProbesAndDrain:
    @pytest.mark.parametrize(
        ("probe", "path"),
        [("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")],
    )
    def test_each_probe_asks_the_internal_site(self, cluster: Cluster, probe: str, path: str):
        for owner in (GATEWAY, MAIL):
            asked = container_of(cluster, owner)[probe]["httpGet"]
            assert (urlsplit(asked["path"]).path, asked["port"]) == (path, "internal")

    def test_without_redis_nodes_stay_in_their_services(self, cluster: Cluster):
        """All are without it at once, and serve their clients and emitters all the same."""
        path = container_of(cluster, GATEWAY)["readinessProbe"]["httpGet"]["path"]

        assert parse_qs(urlsplit(path).query) == {"exclude": ["bus", "presence"]}

    def test_prometheus_is_sent_to_the_internal_site(self, cluster: Cluster):
        for owner in (GATEWAY, MAIL):
            annotations = cluster.pod_templates()[owner]["metadata"]["annotations"]
            assert annotations["prometheus.io/port"] == "8081"
            assert annotations["prometheus.io/path"] == "/metrics"

    def test_the_ports_have_the_numbers_of_the_image(self, cluster: Cluster):
        ports = {owner: container_of(cluster, owner)["ports"] for owner in (GATEWAY, MAIL)}

        assert {port["name"]: port["containerPort"] for port in ports[GATEWAY]} == {
            "public": 8080,
            "internal": 8081,
        }
        assert {port["name"]: port["containerPort"] for port in ports[MAIL]} == {"internal": 8081}

    @pytest.mark.parametrize("owner", [GATEWAY, MAIL])
    def test_the_grace_outlasts_the_drain_with_a_margin(self, cluster: Cluster, owner: str):
        template = cluster.pod_templates()[owner]
        pause = (
            template["spec"]["containers"][0]
            .get("lifecycle", {})
            .get("preStop", {})
            .get("sleep", {})
            .get("seconds", 0)
        )
        drain = duration(cluster.environment(owner)["BELLHOP_DRAIN_SECONDS"])

        assert template["spec"]["terminationGracePeriodSeconds"] >= pause + drain + 10

    def test_the_proxy_is_more_patient_than_the_heartbeat(self, base: Cluster):
        defaults = {setting.name: setting.default for setting in SETTINGS}
        heartbeat = duration(defaults["PING_INTERVAL"] or "") + duration(defaults["PING_TIMEOUT"] or "")
        annotations = base.one("Ingress", "bellhop")["metadata"]["annotations"]

        for name in ("proxy-read-timeout", "proxy-send-timeout"):
            assert int(annotations[f"nginx.ingress.kubernetes.io/{name}"]) > heartbeat

    def test_a_session_stays_with_its_pod(self, base: Cluster):
        annotations = base.one("Ingress", "bellhop")["metadata"]["annotations"]

        assert annotations["nginx.ingress.kubernetes.io/affinity"] == "cookie"
        assert annotations["nginx.ingress.kubernetes.io/affinity-mode"] == "persistent"


class TestSettings:
    def test_every_name_is_a_setting_of_bellhop(self, cluster: Cluster):
        for owner in (GATEWAY, MAIL):
            names = {name for name in cluster.environment(owner) if name.startswith("BELLHOP_")}
            assert names <= KNOWN
            assert names

    def test_every_name_that_is_written_of_is_a_setting_of_bellhop(self):
        for path in [*(ROOT / "k8s").rglob("*.*"), ROOT / "Dockerfile"]:
            assert set(re.findall(r"\bBELLHOP_[A-Z0-9_]+", path.read_text())) - {"BELLHOP_X_FILE"} <= KNOWN, (
                path
            )

    @pytest.mark.parametrize("owner", [GATEWAY, MAIL])
    def test_with_real_secrets_they_are_settings_that_work(self, cluster: Cluster, owner: str):
        environment = {
            name: value.replace("change-me", GOOD) for name, value in cluster.environment(owner).items()
        }

        settings = load(environment)

        assert settings[StoreSettings].url.startswith("mongodb://")
        assert settings[ClusterSettings].bus_url.startswith("redis://")
        assert settings[MailSettings].worker is (owner == MAIL)

    @pytest.mark.parametrize("owner", [GATEWAY, MAIL])
    def test_with_the_examples_of_secrets_bellhop_does_not_start(self, cluster: Cluster, owner: str):
        with pytest.raises(SettingsError) as refusal:
            load(cluster.environment(owner))

        assert any("BELLHOP_JWT_SECRET" in problem for problem in refusal.value.problems)
        assert any("BELLHOP_API_KEYS" in problem for problem in refusal.value.problems)

    def test_every_secret_comes_from_the_secret_and_is_an_example(self, cluster: Cluster):
        (config,) = cluster.of("ConfigMap").values()
        secret = {setting.variable for setting in SETTINGS if setting.secret}

        assert not secret & config["data"].keys()
        assert "change-me" not in str(config)
        for owner in (GATEWAY, MAIL):
            environment = cluster.environment(owner)
            assert all("change-me" in environment[name] for name in secret & environment.keys())


class TestTakingWhatComesBack:
    def test_its_settings_work_and_have_it_listen_where_the_service_leads(self, with_bounces: Cluster):
        environment = with_bounces.environment(BOUNCES)
        settings = load({name: value.replace("change-me", GOOD) for name, value in environment.items()})
        container = container_of(with_bounces, BOUNCES)
        (port,) = with_bounces.one("Service", "bellhop-bounces")["spec"]["ports"]

        place = place_of(settings[BounceSettings])
        assert place is not None
        assert container["args"] == ["bounces"]
        assert (place.host, place.lmtp) == ("0.0.0.0", True)
        assert {each["name"]: each["containerPort"] for each in container["ports"]} == {
            port["targetPort"]: place.port,
            "internal": 8081,
        }

    def test_the_relay_reaches_it_and_monitoring_its_site(self, with_bounces: Cluster):
        rules = with_bounces.one("NetworkPolicy", "bellhop-bounces")["spec"]["ingress"]

        assert {port["port"]: rule["from"] for rule in rules for port in rule["ports"]} == {
            "reports": [
                {"namespaceSelector": {}, "podSelector": {"matchLabels": {"bellhop.io/relay": "true"}}}
            ],
            "internal": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            ],
        }

    def test_it_is_as_the_mail_worker_is_but_for_what_it_does(self, with_bounces: Cluster):
        def plain(owner: str) -> dict[str, Any]:
            pod = deepcopy(with_bounces.pod_templates()[owner])
            del pod["metadata"]["labels"]["app.kubernetes.io/component"]
            for name in ("args", "ports", "env"):
                pod["spec"]["containers"][0].pop(name, None)
            return pod

        assert plain(BOUNCES) == plain(MAIL)


def test_the_image_is_the_overlays(overlay: Cluster, with_bounces: Cluster):
    def images(cluster: Cluster) -> set[str]:
        owners = [owner for owner in cluster.pod_templates() if owner.startswith("Deployment/bellhop")]
        return {container_of(cluster, owner)["image"] for owner in owners}

    assert images(overlay) == {"localhost/bellhop:try"}
    assert images(with_bounces) == {"registry.shop.example/bellhop:1"}


class TestTheServersToTryItWith:
    def test_the_store_and_the_bus_are_where_the_settings_say(self, overlay: Cluster):
        environment = overlay.environment(GATEWAY)
        stateful = overlay.one("StatefulSet", "mongodb")["spec"]

        assert environment["BELLHOP_STORE_URL"] == "mongodb://mongodb-0.mongodb:27017/bellhop?replicaSet=rs0"
        assert stateful["serviceName"] in overlay.of("Service")
        assert environment["BELLHOP_BUS_URL"] == "redis://redis:6379/0"
        assert overlay.one("Service", "redis")["spec"]["ports"][0]["port"] == 6379

    def test_the_replica_set_is_initiated_under_the_name_that_clients_use(self, overlay: Cluster):
        script = container_of(overlay, "Job/mongodb-initiate")["command"][-1]
        started = container_of(overlay, "StatefulSet/mongodb")["args"]

        assert '_id: "rs0"' in script
        assert 'host: "mongodb-0.mongodb:27017"' in script
        assert started[started.index("--replSet") + 1] == "rs0"
        assert overlay.one("Service", "mongodb")["spec"]["publishNotReadyAddresses"] is True

    def test_both_let_in_bellhop_and_nobody_else(self, overlay: Cluster):
        for name in ("mongodb", "redis"):
            (rule,) = overlay.one("NetworkPolicy", name)["spec"]["ingress"]
            let_in = {
                owner
                for peer in rule["from"]
                for owner in overlay.selected(peer["podSelector"]["matchLabels"])
            }
            assert let_in - {"Job/mongodb-initiate"} == {GATEWAY, MAIL}
