# Vault's agent beside a worker: it writes each secret's file anew before the secret ends, and Landfall reads the file anew at its
# next connection. Nothing is restarted, and no signal is sent. Run: vault agent -config=vault-agent.hcl
# The worker's side is in landfall.toml beside this file. Static roles: Vault changes the password, and the user stays.

vault {
  address = "https://vault.example.org:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path   = "/etc/vault/role-id"
      secret_id_file_path = "/etc/vault/secret-id"
    }
  }
}

template {
  contents             = "{{ with secret \"database/static-creds/landfall\" }}{{ .Data.password }}{{ end }}"
  destination          = "/run/secrets/landfall/postgres"
  perms                = "0440"
  error_on_missing_key = true
}

template {
  contents             = "{{ with secret \"secret/data/landfall\" }}{{ .Data.data.registry }}{{ end }}"
  destination          = "/run/secrets/landfall/registry"
  perms                = "0440"
  error_on_missing_key = true
}

template {
  contents             = "{{ with secret \"secret/data/landfall\" }}{{ .Data.data.http }}{{ end }}"
  destination          = "/run/secrets/landfall/http"
  perms                = "0440"
  error_on_missing_key = true
}
