import { hostname } from 'node:os';
import { unavailable } from '@gantry/rpc';
import type { Forwarding, LogTarget } from '../driver';
import { forwarded } from '../forwarded';
import { streamWire } from '../wires/stream';
import { udpWire } from '../wires/udp';
import { unixDatagramWire } from '../wires/unix-datagram';
import type { Wire } from '../wires/wire';
import { type SyslogHeader, syslogMessage } from './format';
import { syslogAddress, syslogFacility, syslogFormat, syslogTls, validateSyslog } from './options';

/** Where a host's own syslog listens. */
const LOCAL = ['/dev/log', '/var/run/syslog', '/var/run/log'];

const forwarding: Forwarding = {
  doubtMs: () => 1000,
  dialsAtStart: () => true,
  patience: () => ({ waitMs: 250, longestMs: 10_000, tries: Infinity }),
  async connect(target, signal) {
    const wire = await connectWire(target, signal);
    const header = headerOf(target);
    return {
      lost: wire.lost,
      close: () => wire.close(),
      async send(messages, abort) {
        // dockerd sends no empty lines either.
        const wanted = messages.filter(({ line }) => line !== '');
        if (wanted.length > 0)
          await wire.write(
            wanted.map((message) => syslogMessage(header, message)),
            abort,
          );
        return 0;
      },
    };
  },
};

export const syslog = forwarded(validateSyslog, forwarding);

function headerOf({ options, subject }: LogTarget): SyslogHeader {
  const format = syslogFormat(options);
  return {
    format,
    facility: syslogFacility(options),
    hostname: hostname(),
    tag: subject.tag,
    pid: process.pid,
    counted: syslogAddress(options).scheme === 'tcp+tls' && format.startsWith('rfc5424'),
  };
}

async function connectWire({ options }: LogTarget, signal: AbortSignal): Promise<Wire> {
  const address = syslogAddress(options);
  switch (address.scheme) {
    case 'udp':
      return udpWire(address.at, signal);
    case 'tcp':
      return streamWire({ network: 'tcp', at: address.at }, signal);
    case 'tcp+tls':
      return streamWire({ network: 'tls', at: address.at, tls: await syslogTls(options) }, signal);
    case 'unix':
      return streamWire({ network: 'unix', at: address.path }, signal);
    case 'unixgram':
      return unixDatagramWire(address.path);
    case 'local':
      return localWire(signal);
  }
}

async function localWire(signal: AbortSignal): Promise<Wire> {
  const kinds = [
    async (path: string) => Promise.resolve(unixDatagramWire(path)),
    async (path: string) => streamWire({ network: 'unix', at: path }, signal),
  ];
  for (const connect of kinds) {
    for (const path of LOCAL) {
      try {
        return await connect(path);
      } catch {
        signal.throwIfAborted();
      }
    }
  }
  throw unavailable('Unix syslog delivery error');
}
