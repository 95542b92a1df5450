import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Any } from '@gantry/api/google/protobuf/any';
import { EventsService } from '@gantry/api/containerd/services/events/ttrpc/v1/events';
import type { Envelope } from '@gantry/api/containerd/types/types';
import { connectTtrpc, errorText, internal, isErrorOf, type Logger, newContext, pause, type TtrpcConnection } from '@gantry/rpc';
import type { Publisher } from '../events/publisher';
import type { Invocation } from './config';

const AGAIN_MS = 200;
const CALL_MS = 5000;

/** Sends one event. Rejects when it did not arrive. */
export type Send = (envelope: Envelope) => Promise<void>;

/**
 * Passes events on to containerd in their order, each until it arrived: a containerd that restarts gets what happened meanwhile. One that it refuses
 * for what it is (and not for where containerd is) is logged and left behind, so that the others follow.
 */
export async function forwardEvents(
  publisher: Publisher,
  send: Send,
  { signal, logger }: { readonly signal: AbortSignal; readonly logger: Logger },
): Promise<void> {
  for await (const { sequence, envelope } of publisher.subscribe(signal)) {
    for (let told = false; !signal.aborted;) {
      try {
        await send(envelope);
        break;
      } catch (error) {
        if (isErrorOf(error, 'invalidArgument') || isErrorOf(error, 'notFound')) {
          logger.error({ err: error, topic: envelope.topic, namespace: envelope.namespace }, 'containerd refused an event');
          break;
        }
        if (!told) logger.warn({ topic: envelope.topic }, `containerd cannot be told of an event; trying on: ${errorText(error)}`);
        told = true;
        await pause(AGAIN_MS, { signal });
      }
    }
    if (!signal.aborted) publisher.journal.ack(sequence);
  }
}

/** Over ttrpc where containerd tells an address, else by its own program. */
export function senderFor({ ttrpcAddress, address, publishBinary }: Pick<Invocation, 'ttrpcAddress' | 'address' | 'publishBinary'>): Send {
  return ttrpcAddress === '' ? byProgram(address, publishBinary) : overTtrpc(ttrpcAddress);
}

function overTtrpc(address: string): Send {
  let connection: TtrpcConnection | undefined;
  return async (envelope) => {
    connection ??= await connectTtrpc(address);
    try {
      await connection.client(EventsService).forward(newContext({ namespace: envelope.namespace }), { envelope }, { timeoutMs: CALL_MS });
    } catch (error) {
      connection.close();
      connection = undefined;
      throw error;
    }
  };
}

/** `containerd publish` reads the event from stdin. */
function byProgram(address: string, binary: string): Send {
  return async ({ namespace, topic, event }) => {
    const child = spawn(binary, ['--address', address, 'publish', '--topic', topic, '--namespace', namespace], {
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: CALL_MS,
    });
    let text = '';
    child.stderr.on('data', (part: Buffer) => (text += part.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(Any.encode(event ?? Any.fromPartial({})).finish());
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw internal(`${binary} publish --topic ${topic}: ${text.trim() || `exit status ${code}`}`);
  };
}
