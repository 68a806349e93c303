"""Lints the chart and renders it with several values; every document goes through the Kubernetes schemas."""

import re
import subprocess
import sys
from pathlib import Path

from helm_python import Chart, lint

CASES = {
    "defaults": {},
    "everything": {
        "signUp": "open",
        "storage": {"size": "1Ti", "className": "fast"},
        "ingress": {"enabled": True, "className": "nginx", "annotations": {"a": "b"}, "tlsSecret": "tls"},
        "env": {"CHAPIANA_LOG_FORMAT": "json"},
        "podAnnotations": {"a": "b"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "chat", "operator": "Exists"}],
    },
}
REFUSED = [{"signUp": "maybe"}, {"replicas": 3}, {"publicUrl": "chat.example.org"}, {"env": {"PATH": "x"}}]


def main():
    chart = Chart.load("helm")
    failures = 0
    for finding in lint("helm", strict=True)["messages"]:
        if finding["severity"] >= 2:
            print("lint:", finding)
            failures += 1
    for name, values in CASES.items():
        rendered = chart.render(values)
        manifests = [text for path, text in rendered.items() if path.endswith(".yaml") and text.strip()]
        kinds = re.findall(r"^kind: (\w+)$", "\n".join(manifests), re.M)
        wanted = {"StatefulSet", "Service"} | ({"Ingress"} if name == "everything" else set())
        if set(kinds) != wanted:
            print(f"{name}: rendered {sorted(kinds)}, wanted {sorted(wanted)}")
            failures += 1
        for version in ("1.27", "1.37"):
            document = "\n---\n".join(manifests)
            tool = Path(sys.executable).parent / "kubernetes-validate"
            done = subprocess.run([tool, "--strict", "-k", version, "/dev/stdin"], input=document, text=True, capture_output=True)
            if done.returncode:
                print(f"{name} on Kubernetes {version}:", done.stdout, done.stderr)
                failures += 1
    for values in REFUSED:
        try:
            chart.render(values)
            print(f"values {values} were accepted")
            failures += 1
        except Exception as error:
            if "schema" not in str(error).lower():
                print(f"values {values} failed for another reason: {error}")
                failures += 1
    print(f"chart: {len(CASES)} renderings on 2 versions, {len(REFUSED)} refusals, {failures} failures")
    sys.exit(bool(failures))


main()
