import type { ProxyEnv } from '@gantry/api/pb/ops';
import { defaultPath } from '@gantry/oci';

/** Proxies as programs look for them, in both spellings. They are no part of the step's key and reach no history. */
export function proxyVariables(proxy: ProxyEnv | undefined): string[] {
  if (proxy === undefined) return [];
  const named = [
    ['HTTP_PROXY', proxy.httpProxy],
    ['HTTPS_PROXY', proxy.httpsProxy],
    ['FTP_PROXY', proxy.ftpProxy],
    ['NO_PROXY', proxy.noProxy],
    ['ALL_PROXY', proxy.allProxy],
  ] as const;
  return named.flatMap(([name, value]) => (value === '' ? [] : [`${name}=${value}`, `${name.toLowerCase()}=${value}`]));
}

export function withDefault(env: readonly string[], name: string, value: string): string[] {
  return env.some((entry) => entry.startsWith(`${name}=`)) ? [...env] : [...env, `${name}=${value}`];
}

const WINDOWS_PATH = 'c:\\Windows\\System32;c:\\Windows;C:\\Windows\\System32\\WindowsPowerShell\\v1.0';

/** A path to look for programs in, for those that say none: that of the operating system that is asked for. */
export const withPath = (env: readonly string[], os = ''): string[] =>
  withDefault(env, 'PATH', os === 'windows' ? WINDOWS_PATH : defaultPath);
