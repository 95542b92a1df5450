import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import { type Certificates, dockerCertificates } from './certificates';
import { type Addresses, addressesOf, type Endpoint, endpoint, endpointsOf, hostOf, isInsecure, type RegistryConfig } from './endpoints';
import { type HostEntry, readHostsFile } from './hosts-toml';
import { plainTransport } from './transport';

export interface HostsConfig extends RegistryConfig {
  /** Directories with a folder for each registry; the first that has one for a host is taken. */
  readonly paths: readonly string[];
}

/** Scheme of a request that names one (containerd's transfer): it decides between HTTPS and plain HTTP for hosts without a file. */
export type Scheme = 'http' | 'https' | '';

export interface HostOptions {
  readonly paths?: readonly string[];
  readonly scheme?: Scheme;
  readonly insecure?: boolean;
}

/** Which places serve a domain. Files are read for each operation: an administrator's change counts at once. */
export class Hosts {
  constructor(private readonly config: HostsConfig) {}

  async endpoints(domain: string, options: HostOptions = {}): Promise<Endpoint[]> {
    const config = options.insecure === true ? { ...this.config, insecure: [...this.config.insecure, hostOf(domain)] } : this.config;
    const found = await this.folder(domain, options.paths ?? this.config.paths);
    const certificates = found.kind === 'docker' ? await dockerCertificates(found.path) : plainTransport;
    if (found.kind !== 'hosts') {
      const mirrors = domain === 'docker.io' ? this.config.mirrors.map((url) => new URL(url).host) : [];
      const addresses = await addressesOf([hostOf(domain), ...mirrors]);
      return withScheme(endpointsOf(domain, config, certificates, addresses), options.scheme ?? '');
    }
    const { hosts, server } = await readHostsFile(found.path);
    const own = hostOf(domain);
    const addresses = await addressesOf([own, ...hosts.map(({ url }) => url.host), ...(server.url === undefined ? [] : [server.url.host])]);
    const listed = hosts.map((entry) => this.entry(entry, domain, own, addresses));
    if (server.url !== undefined) return [...listed, this.entry({ ...server, url: server.url }, domain, own, addresses)];
    const rest = endpointsOf(domain, { ...config, mirrors: [] }, server satisfies Certificates, addresses).map((each): Endpoint => ({
      ...each,
      headers: server.headers,
      capabilities: server.capabilities,
      transport: { ...each.transport, dialTimeout: server.dialTimeout, insecure: each.transport.insecure || server.skipVerify },
    }));
    return [...listed, ...withScheme(rest, options.scheme ?? '')];
  }

  private entry(entry: HostEntry, domain: string, own: string, addresses: Addresses): Endpoint {
    const { url } = entry;
    const same = url.host === own || url.host === domain;
    const path = url.pathname.replace(/\/+$/, '');
    return endpoint(new URL(url.origin), {
      api: entry.overridePath || path.endsWith('/v2') ? path : `${path}/v2`,
      mirror: !same,
      namespace: same ? '' : domain,
      headers: entry.headers,
      capabilities: entry.capabilities,
      // A file says what is checked: loopback is as strict as any other host here, plain HTTP has nothing to check.
      transport: {
        ca: entry.ca,
        clients: entry.clients,
        dialTimeout: entry.dialTimeout,
        insecure:
          entry.skipVerify ||
          url.protocol === 'http:' ||
          (!isInsecure(url.host, [], addresses.get(url.host)) && isInsecure(url.host, this.config.insecure, addresses.get(url.host))),
      },
    });
  }

  /** containerd's order of names in each directory: host_port_, host:port, _default (with a file only). */
  private async folder(
    domain: string,
    paths: readonly string[],
  ): Promise<{ readonly kind: 'hosts' | 'docker' | 'none'; readonly path: string }> {
    if (domain.includes('/') || domain.startsWith('.')) throw invalidArgument(`registry "${domain}" is not a host`);
    const names = [...new Set([domain.replace(/:(\d+)$/, '_$1_'), domain, hostOf(domain)])];
    for (const root of paths) {
      for (const name of [...names, '_default']) {
        const dir = join(root, name);
        if (await exists(join(dir, 'hosts.toml'))) return { kind: 'hosts', path: join(dir, 'hosts.toml') };
        if (name !== '_default' && (await exists(dir))) return { kind: 'docker', path: dir };
      }
    }
    return { kind: 'none', path: '' };
  }
}

function withScheme(endpoints: Endpoint[], scheme: Scheme): Endpoint[] {
  if (scheme === '') return endpoints;
  const chosen = endpoints.filter(({ base, mirror }) => mirror || base.protocol === `${scheme}:`);
  if (chosen.some(({ mirror }) => !mirror)) return chosen;
  return [
    ...chosen,
    ...endpoints
      .filter(({ mirror }) => !mirror)
      .map((each) => ({
        ...each,
        base: new URL(each.base.href.replace(/^https?:/, `${scheme}:`)),
        transport: { ...each.transport, insecure: true },
      })),
  ];
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false;
      throw error;
    },
  );
}
