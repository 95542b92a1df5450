import { readFile } from 'node:fs/promises';
import type { ExecutorSettings } from './needs';
import type { NetworkPlace } from './network';

/** For a host whose own resolvers are all on loopback, which a container cannot reach. */
const PUBLIC = ['8.8.8.8', '8.8.4.4', '2001:4860:4860::8888', '2001:4860:4860::8844'];
/** What systemd-resolved writes for those who cannot reach its stub. */
const RESOLVED_FILE = '/run/systemd/resolve/resolv.conf';
const STUB = '127.0.0.53';
/** The resolver inside a sandbox. */
const EMBEDDED = '127.0.0.11';

/**
 * Text of /etc/resolv.conf in a step: the host's, with the configured answers in place of its own. On a network of its own no resolver on loopback, but for the one that
 * the network has inside.
 */
export async function resolvConfText(
  dns: ExecutorSettings['dns'],
  { isHost: hostNetwork, embeddedDns }: Pick<NetworkPlace, 'isHost' | 'embeddedDns'>,
): Promise<string> {
  const first = words(await read(dns.file));
  const servers = first('nameserver');
  const host = !hostNetwork && servers.length === 1 && servers[0] === STUB ? words(await read(RESOLVED_FILE)) : first;
  const chosen = (configured: readonly string[], keyword: string): readonly string[] =>
    configured.length > 0 ? configured : host(keyword);
  const named = chosen(dns.servers, 'nameserver');
  const usable = hostNetwork && named.length > 0 ? named : named.filter((address) => !/^127\.|^::1$/.test(address));
  const search = chosen(dns.search, 'search').filter((domain) => domain !== '.');
  const options = chosen(dns.options, 'options');
  return [
    ...(embeddedDns ? [EMBEDDED] : usable.length > 0 ? usable : PUBLIC).map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

/** The words of the lines that begin with a keyword; of `search` and `options` the last line counts. */
function words(text: string): (keyword: string) => string[] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return (keyword) => {
    const found = lines.filter(([first]) => first === keyword).map(([, ...rest]) => rest);
    return keyword === 'nameserver' ? found.flatMap((rest) => rest.slice(0, 1)) : (found.at(-1) ?? []);
  };
}
