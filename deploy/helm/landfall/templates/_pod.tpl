{{- define "landfall.pod" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "landfall.serviceAccountName" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
# LANDFALL_… of a service would look like configuration.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  - name: landfall
    image: {{ include "landfall.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    securityContext:
      {{- toYaml .Values.securityContext | nindent 6 }}
    env:
      - name: LANDFALL_HTTP__LISTEN
        value: "0.0.0.0:9464"
      {{- if .Values.staticMembership.enabled }}
      - name: LANDFALL_KAFKA__PROPERTIES__GROUP_INSTANCE_ID
        valueFrom:
          fieldRef:
            fieldPath: metadata.name
      - name: LANDFALL_KAFKA__PROPERTIES__SESSION_TIMEOUT_MS
        value: {{ include "landfall.milliseconds" .Values.staticMembership.sessionTimeout | quote }}
      {{- end }}
      {{- with .Values.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .Values.envFrom }}
    envFrom:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      - name: http
        containerPort: 9464
        protocol: TCP
    livenessProbe:
      {{- toYaml .Values.livenessProbe | nindent 6 }}
    readinessProbe:
      {{- toYaml .Values.readinessProbe | nindent 6 }}
    startupProbe:
      {{- toYaml .Values.startupProbe | nindent 6 }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    volumeMounts:
      - name: config
        mountPath: /etc/landfall
        readOnly: true
      {{- if .Values.existingSecret }}
      - name: secret
        mountPath: /run/secrets/landfall
        readOnly: true
      {{- end }}
      {{- with .Values.volumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "landfall.fullname" . }}
  {{- if .Values.existingSecret }}
  - name: secret
    secret:
      secretName: {{ .Values.existingSecret }}
      defaultMode: 288 # 0440, which not every reader of YAML takes for octal
  {{- end }}
  {{- with .Values.volumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* 60s, 5m: librdkafka takes milliseconds. */}}
{{- define "landfall.milliseconds" -}}
{{- $unit := regexFind "(ms|s|m)$" . -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get (dict "ms" 1 "s" 1000 "m" 60000) $unit) -}}
{{- end }}
