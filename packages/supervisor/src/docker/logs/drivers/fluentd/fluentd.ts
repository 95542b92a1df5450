import { randomBytes } from 'node:crypto';
import type { Forwarding } from '../driver';
import { forwarded } from '../forwarded';
import { streamWire } from '../wires/stream';
import { Acknowledgements } from './acknowledgements';
import { fluentdOptions, validateFluentd } from './options';
import { fluentdMessage } from './record';

const forwarding: Forwarding = {
  doubtMs: (options) => (fluentdOptions(options).requestAck ? 0 : 1000),
  dialsAtStart: (options) => !fluentdOptions(options).async,
  buffer(options) {
    const { async, bufferLimit } = fluentdOptions(options);
    return async ? bufferLimit : undefined;
  },
  patience(options) {
    const { retryWaitMs, maxRetries } = fluentdOptions(options);
    return { waitMs: Math.max(1, retryWaitMs), longestMs: 60_000, tries: maxRetries };
  },
  async connect({ options, subject }, signal) {
    const { address, requestAck, subSecond, reconnectMs, async } = fluentdOptions(options);
    const acknowledged = new Acknowledgements();
    const wire = await streamWire({ ...address, heard: (bytes) => acknowledged.hear(bytes) }, signal);
    const since = performance.now();
    const lost = Promise.race([wire.lost, acknowledged.lost]);
    lost.catch(() => undefined); // told to whoever listens
    return {
      lost,
      async send(messages, abort) {
        const chunks = messages.map(() => (requestAck ? randomBytes(16).toString('base64') : undefined));
        const all = chunks.map((chunk) => (chunk === undefined ? Promise.resolve() : acknowledged.of(chunk)));
        await wire.write(
          messages.map((message, index) => fluentdMessage(subject, message, { subSecond, chunk: chunks[index] })),
          abort,
        );
        await Promise.race([Promise.all(all), lost, aborted(abort)]);
        return 0;
      },
      expired: () => async && reconnectMs > 0 && performance.now() - since > reconnectMs,
      async close() {
        await wire.close();
        acknowledged.close();
      },
    };
  },
};

export const fluentd = forwarded(validateFluentd, forwarding);

function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  if (signal.aborted) reject(signal.reason as Error);
  signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  return promise;
}
