import { Batches } from '../batches/batches';
import { driverEnvironment } from '../config';
import type { Forwarding, LogTarget } from '../driver';
import { forwarded } from '../forwarded';
import { HttpClient } from '../wires/http';
import { CloudWatch } from './cloudwatch';
import { credentialSource } from './credentials';
import { type AwsEvent, EVENT_OVERHEAD, Events } from './events';
import { type AwslogsOptions, awslogsOptions, validateAwslogs } from './options';
import { endpointOf, regionOf } from './region';
import { LogStream } from './stream';

/** Of PutLogEvents. */
const MOST_EVENTS = 10_000;
const MOST_BYTES = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

const forwarding: Forwarding = {
  tag: '{{.FullID}}',
  doubtMs: () => 0,
  // As dockerd, which makes the stream meanwhile where the container never waits.
  dialsAtStart: (options) => options['mode'] !== 'non-blocking',
  patience: () => ({ waitMs: 1000, longestMs: 32_000, tries: Infinity }),
  async connect(target, signal) {
    const asked = awslogsOptions(target.options);
    const client = new HttpClient();
    const stream = await begin(target, asked, client, signal).catch((error: unknown) => {
      client.close();
      throw error;
    });
    const batches = new Batches<AwsEvent>({
      most: MOST_EVENTS,
      mostBytes: MOST_BYTES,
      restMs: asked.flushMs,
      bytes: ({ message }) => Buffer.byteLength(message) + EVENT_OVERHEAD,
      together: (first, event) => Math.abs(event.timestamp - first.timestamp) < DAY_MS / 2,
      post: (events, abort) => stream.put(events, abort),
    });
    let sends = 0;
    const mark = (): void => batches.mark(events.heldSince === undefined ? sends : events.heldSince - 1);
    const events = new Events({
      pattern: asked.pattern,
      flushMs: asked.flushMs,
      add: (event) => batches.add(event),
      flushed() {
        mark();
        batches.kick();
      },
    });
    return {
      lost: batches.lost,
      progress: () => batches.progress(),
      async send(messages, abort) {
        sends++;
        for (const message of messages) events.take(message, sends);
        mark();
        await batches.room(abort);
        return 0;
      },
      async close(abort) {
        // What waits for its end is sent where there is none: at the end of the output.
        if (abort?.aborted !== true) {
          events.end();
          mark();
        }
        events.close();
        await batches.close(abort);
        client.close();
      },
    };
  },
};

export const awslogs = forwarded(validateAwslogs, forwarding, awslogsOptions);

async function begin({ options, subject }: LogTarget, asked: AwslogsOptions, client: HttpClient, signal: AbortSignal): Promise<LogStream> {
  const env = driverEnvironment();
  const region = await regionOf(options, env, { client, signal });
  const cloudwatch = new CloudWatch({
    client,
    credentials: credentialSource(options, env, client),
    region,
    endpoint: endpointOf(options, env, region),
    headers: asked.emf ? { 'x-amzn-logs-format': 'json/emf' } : {},
  });
  const stream = new LogStream(cloudwatch, { group: asked.group, stream: options['awslogs-stream'] || subject.tag });
  await stream.create(asked, signal);
  return stream;
}
