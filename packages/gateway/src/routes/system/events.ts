import { writeEvent } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import { epoch } from '../../http/epoch';
import type { Exchange, Route } from '../../http/exchange';
import { accepted } from '../../http/accepted';
import { readFilters } from '../../http/filters';
import { carryOn } from '../../streams/carry-on';
import { JsonLines } from '../../streams/lines';

/** Sends the headers when the subscription stands, so that a client misses nothing that it causes after them. */
export const systemEvents: Route = {
  method: 'GET',
  path: '/events',
  operation: 'SystemEvents',
  async handle(x, engine) {
    const since = epoch(x.query, 'since');
    const until = epoch(x.query, 'until');
    if (since !== '' && until !== '' && Number(since) > Number(until))
      throw invalidArgument(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
    const type = contentType(x);
    const lines = new JsonLines(x, type);
    const mark = type === SEQUENCE ? RECORD_SEPARATOR : '';
    const filters = readFilters(x.query);
    let seen: bigint | undefined;
    const stream = carryOn(x, engine, () =>
      engine.system.events(x.ctx, { since: seen === undefined ? since : '', until, after: seen, filters }),
    );
    for await (const { event, subscribed, position } of stream) {
      if (position > 0n || seen === undefined) seen = position;
      if (subscribed) lines.open();
      if (event === undefined) continue;
      // pulling told nothing of new images before 1.46
      if (event.Type === 'image' && event.Action === 'create' && !x.version.atLeast('1.46')) continue;
      await lines.writeRaw(`${mark}${JSON.stringify(writeEvent(event, x.version))}\n`);
    }
    lines.end();
  },
};

function contentType(x: Exchange): string {
  if (!x.version.atLeast('1.52')) return 'application/json';
  return accepted(x.request.headers.accept ?? '', [LINES, 'application/x-ndjson', SEQUENCE]) ?? LINES;
}

const LINES = 'application/jsonl';
const SEQUENCE = 'application/json-seq';
/** Before each text of a sequence (RFC 7464). */
const RECORD_SEPARATOR = '\x1e';
