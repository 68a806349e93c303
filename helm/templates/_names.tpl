{{- define "chapiana.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "chapiana.selector" -}}
app.kubernetes.io/name: chapiana
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "chapiana.labels" -}}
{{ include "chapiana.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
