import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { unavailable } from '@gantry/rpc';
import { batchedSink } from '../batches/batched-sink';
import { Batches } from '../batches/batches';
import type { Forwarding } from '../driver';
import { forwarded } from '../forwarded';
import { HttpClient } from '../wires/http';
import { splunkEvents } from './event';
import { splunkOptions, splunkPace, splunkTls, validateSplunk } from './options';

const gzip = promisify(gzipCallback);

/** What collectors took at most before they were told otherwise, uncompressed. */
const MOST_BYTES = 1_000_000;
/** Characters of an answer that a failure shows. */
const SHOWN = 1024;

const forwarding: Forwarding = {
  doubtMs: () => 0,
  dialsAtStart: (options) => splunkOptions(options).verified,
  patience: () => ({ waitMs: 1000, longestMs: 30_000, tries: Infinity }),
  async connect(target, signal) {
    const asked = splunkOptions(target.options);
    const { url, token, gzip: level, acknowledged, verified, format } = asked;
    const client = new HttpClient(await splunkTls(target.options, asked));
    if (verified) {
      const { status, statusText, text } = await client.ask({ method: 'OPTIONS', url }, signal).catch((error: unknown) => {
        client.close();
        throw error;
      });
      if (status !== 200) {
        client.close();
        throw unavailable(`splunk: failed to verify connection - ${statusText} - ${text.slice(0, SHOWN)}`);
      }
    }
    const toEvent = splunkEvents(target, format);
    const batches = new Batches<Buffer>({
      ...splunkPace(),
      mostBytes: MOST_BYTES,
      bytes: ({ length }) => length,
      async post(events, abort) {
        const plain = Buffer.concat(events);
        const headers = {
          Authorization: `Splunk ${token}`,
          ...(level === undefined ? {} : { 'Content-Encoding': 'gzip' }),
          ...(acknowledged ? { 'X-Splunk-Request-Channel': randomUUID() } : {}),
        };
        const body = level === undefined ? plain : await gzip(plain, { level });
        const { status, statusText, text } = await client.ask({ method: 'POST', url, headers, body }, abort);
        if (status !== 200) throw unavailable(`splunk: failed to send event - ${statusText} - ${text.slice(0, SHOWN)}`);
        return 0;
      },
    });
    return batchedSink(batches, { client, toEvent });
  },
};

export const splunk = forwarded(validateSplunk, forwarding, splunkOptions);
