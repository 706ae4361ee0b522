{{- define "keycounty.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "keycounty.labels" -}}
app.kubernetes.io/name: keycounty
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The image knows no root; nothing is written but a scratch directory. */}}
{{- define "keycounty.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false  # a release named keycounty would put KEYCOUNTY_… variables of its own there
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: secrets
    secret: {secretName: {{ .Values.secretName }}, defaultMode: 0440}
  - name: tmp
    emptyDir: {sizeLimit: 1Gi}  # a batch of 512 MiB is put down here
{{- end }}

{{- define "keycounty.container" -}}
image: {{ include "keycounty.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
envFrom:
  - configMapRef: {name: {{ .Release.Name }}-settings}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: secrets, mountPath: /secrets, readOnly: true}
  - {name: tmp, mountPath: /tmp}
{{- end }}
