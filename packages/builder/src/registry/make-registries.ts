import { HttpClient, Proxies, type ProxySettings, Registries } from '@gantry/registry';
import type { Logger } from '@gantry/rpc';
import type { BuilderConfig } from '../config';

/** Connections for one blob, and tries of a request. */
const RANGES = 4;
const ATTEMPTS = 5;

/** Whose builds are made here: servers that know builders know this name. */
const PROTOCOL = 'buildkit/v0.25';

/** How registries and web servers are reached, as images reaches them. */
export function makeRegistries(
  config: BuilderConfig,
  { logger, version, proxies }: { readonly logger: Logger; readonly version: string; readonly proxies: ProxySettings },
): { readonly registries: Registries; readonly http: HttpClient; close(): void } {
  const registries = new Registries(
    {
      mirrors: config['registry-mirrors'],
      insecure: config['insecure-registries'],
      paths: config['registry-config-path'],
      ranges: RANGES,
      attempts: ATTEMPTS,
      proxies,
    },
    logger,
    version,
  );
  const http = new HttpClient(`gantry/${version} ${PROTOCOL}`, undefined, new Proxies(proxies));
  return {
    registries,
    http,
    close() {
      registries.close();
      http.close();
    },
  };
}
