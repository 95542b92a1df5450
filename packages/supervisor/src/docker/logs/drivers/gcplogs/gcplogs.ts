import { errorText, invalidArgument, unavailable } from '@gantry/rpc';
import { batchedSink } from '../batches/batched-sink';
import { Batches } from '../batches/batches';
import { driverEnvironment, type Environment } from '../config';
import type { Forwarding, LogTarget } from '../driver';
import { forwarded } from '../forwarded';
import { HttpClient } from '../wires/http';
import { entriesOf, EntryWriter } from './entries';
import { placeOf } from './instance';
import { validateGcplogs } from './options';
import { Tokens } from './token';

// As Google's client for Go rests and sends; a request of REST may have 10 MB.
const RULES = { most: 1000, mostBytes: 8 * 1024 * 1024, restMs: 1000 };

const forwarding: Forwarding = {
  doubtMs: () => 0,
  dialsAtStart: () => true,
  patience: () => ({ waitMs: 1000, longestMs: 30_000, tries: Infinity }),
  async connect(target, signal) {
    const client = new HttpClient();
    const { writer, toEntry } = await begin(target, client, signal).catch((error: unknown) => {
      client.close();
      throw error;
    });
    const batches = new Batches<Buffer>({
      ...RULES,
      bytes: ({ length }) => length,
      async post(entries, abort) {
        await writer.write(entries, abort);
        return 0;
      },
    });
    return batchedSink(batches, { client, toEvent: toEntry });
  },
};

export const gcplogs = forwarded(validateGcplogs, forwarding);

async function begin(target: LogTarget, client: HttpClient, signal: AbortSignal) {
  const env = driverEnvironment();
  const place = await placeOf(target.options, env, { client, signal });
  if (place.project === '')
    throw invalidArgument("No project was specified and couldn't read project from the metadata server. Please specify a project");
  const writer = new EntryWriter({ client, tokens: new Tokens(client, env), endpoint: endpointOf(env) }, place);
  await writer.check(signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unavailable(`unable to connect or authenticate with Google Cloud Logging: ${errorText(error)}`, { cause: error });
  });
  return { writer, toEntry: entriesOf(target, place.instance) };
}

/** Google's own, or by the word that its tools have for another one. */
function endpointOf(env: Environment): URL {
  const text = env['CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING'] ?? '';
  return new URL('v2/entries:write', text === '' ? 'https://logging.googleapis.com/' : `${text.replace(/\/$/, '')}/`);
}
