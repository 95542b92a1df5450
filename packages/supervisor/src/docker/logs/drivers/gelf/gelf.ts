import { hostname } from 'node:os';
import { errorText, unavailable } from '@gantry/rpc';
import type { Forwarding } from '../driver';
import { forwarded } from '../forwarded';
import { streamWire } from '../wires/stream';
import { udpWire } from '../wires/udp';
import { chunks, gelfExtra, gelfMessage, pack } from './message';
import { gelfAddress, validateGelf } from './options';

const forwarding: Forwarding = {
  doubtMs: () => 1000,
  dialsAtStart: () => true,
  patience(options) {
    const [delay, tries] = [options['gelf-tcp-reconnect-delay'], options['gelf-tcp-max-reconnect']];
    const waitMs = delay === undefined ? 1000 : Math.max(10, Number(delay) * 1000);
    return { waitMs, longestMs: delay === undefined ? 10_000 : waitMs, tries: tries === undefined ? Infinity : Number(tries) };
  },
  async connect({ options, subject }, signal) {
    const { scheme, at } = gelfAddress(options);
    const dial = scheme === 'udp' ? udpWire(at, signal) : streamWire({ network: 'tcp', at }, signal);
    const wire = await dial.catch((error: unknown) => {
      throw unavailable(`gelf: cannot connect to GELF endpoint: ${at.host}:${at.port} ${errorText(error)}`, { cause: error });
    });
    const [host, extra] = [hostname(), gelfExtra(subject)];
    return {
      lost: wire.lost,
      close: () => wire.close(),
      async send(messages, abort) {
        // dockerd sends no empty lines either.
        const bodies = messages.filter(({ line }) => line !== '').map((message) => gelfMessage(host, extra, message));
        const parts =
          scheme === 'tcp'
            ? bodies.map((body) => [Buffer.concat([body, Buffer.alloc(1)])])
            : bodies.map((body) => chunks(pack(body, options)));
        if (parts.length > 0) await wire.write(parts.flat(), abort);
        return parts.filter((part) => part.length === 0).length;
      },
    };
  },
};

export const gelf = forwarded(validateGelf, forwarding);
