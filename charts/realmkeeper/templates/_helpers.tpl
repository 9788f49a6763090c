{{- define "realmkeeper.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "realmkeeper.selector" . }}
{{- end }}

{{- define "realmkeeper.selector" -}}
app.kubernetes.io/name: realmkeeper
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "realmkeeper.name" -}}
{{- if contains "realmkeeper" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-realmkeeper{{ end }}
{{- end }}

{{- define "realmkeeper.claim" -}}
{{- .Values.persistence.existingClaim | default (include "realmkeeper.name" .) }}
{{- end }}

{{- define "realmkeeper.port" -}}
{{- .Values.service.port | default (ternary 443 80 (not (empty .Values.tls.secretName))) }}
{{- end }}
