import type { ProxyEnv } from '@gantry/api/pb/ops';

const names = {
  http_proxy: 'httpProxy',
  https_proxy: 'httpsProxy',
  ftp_proxy: 'ftpProxy',
  no_proxy: 'noProxy',
  all_proxy: 'allProxy',
} as const satisfies Record<string, keyof ProxyEnv>;

/** The proxies among the build arguments. Steps see them, but neither the history nor the cache does. */
export function proxyOf(buildArgs: ReadonlyMap<string, string>): ProxyEnv | undefined {
  const found: ProxyEnv = { httpProxy: '', httpsProxy: '', ftpProxy: '', noProxy: '', allProxy: '' };
  let any = false;
  for (const [name, value] of buildArgs) {
    const lower = name.toLowerCase();
    if (!Object.hasOwn(names, lower)) continue;
    found[names[lower as keyof typeof names]] = value;
    any = true;
  }
  return any ? found : undefined;
}
