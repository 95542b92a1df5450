import { isIP } from 'node:net';
import { quoted } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';

type Tell = (rule: 'ExposeProtoCasing' | 'ExposeInvalidFormat', message: string) => void;

/** The ports that EXPOSE means, each with its protocol: `80`, `53/udp`, `90-92`; of `[ip:]host:container` the last part. */
export function portsOf(text: string, tell: Tell): string[] {
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const hostPort = parts.at(-2) ?? '';
  const address = parts.slice(0, -2).join(':');
  const { port, protocol } = splitProtocol(text, last);
  if (protocol !== protocol.toLowerCase())
    tell('ExposeProtoCasing', `Defined protocol '${text}' in EXPOSE instruction should be lowercase`);
  if (address !== '' || hostPort !== '')
    tell('ExposeInvalidFormat', `EXPOSE instruction should not define an IP address or host-port mapping, found '${text}'`);
  checkAddress(address);
  const range = rangeOf(port, 'containerPort');
  if (hostPort !== '') {
    const host = rangeOf(hostPort, 'hostPort');
    const [wide, hostWide] = [range.end - range.start, host.end - host.start];
    if (wide !== hostWide && wide !== 0)
      throw invalidArgument(`invalid ranges specified for container and host Ports: ${port} and ${hostPort}`);
  }
  return Array.from({ length: range.end - range.start + 1 }, (_none, at) => `${range.start + at}/${protocol.toLowerCase()}`);
}

function splitProtocol(text: string, last: string): { readonly port: string; readonly protocol: string } {
  const slash = last.indexOf('/');
  const port = slash < 0 ? last : last.slice(0, slash);
  const protocol = slash < 0 ? '' : last.slice(slash + 1);
  if (port === '') throw invalidArgument(`invalid port: ${quoted(text)}: no port specified`);
  if (protocol === '') return { port, protocol: 'tcp' };
  if (['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) return { port, protocol };
  throw invalidArgument(`invalid port: ${quoted(text)}: invalid proto: ${protocol}`);
}

function checkAddress(address: string): void {
  if (address === '') return;
  const plain = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address;
  if (isIP(plain) === 0 || plain.includes('%')) throw invalidArgument(`invalid IP address: ${plain}`);
}

function rangeOf(text: string, what: 'containerPort' | 'hostPort'): { readonly start: number; readonly end: number } {
  const [, first, second = first] = /^\+?(\d+)(?:-\+?(\d+))?$/.exec(text) ?? [];
  const [start, end] = [Number(first), Number(second)];
  if (first === undefined || start > end || end > 65_535) throw invalidArgument(`invalid ${what}: ${text}`);
  return { start, end };
}
