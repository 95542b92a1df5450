import { invalidArgument } from '@gantry/rpc';
import { epoch } from '../../http/epoch';
import { download, needTicket } from '../../streams/bulk';
import { streamType } from '../../streams/hijack';
import type { Route } from '../../http/exchange';

const INT64_MAX = 2n ** 63n - 1n;

/** What is no number of lines, `all` for one, means all of them. */
function lineCount(tail: string): bigint {
  const lines = /^\+?[0-9]+$/.test(tail) ? BigInt(tail) : -1n;
  return lines > INT64_MAX ? -1n : lines;
}

export const containerLogs: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/logs',
  operation: 'ContainerLogs',
  async handle(x, engine) {
    const { query } = x;
    const stdout = query.flag('stdout');
    const stderr = query.flag('stderr');
    if (!stdout && !stderr) throw invalidArgument('Bad parameters: you must choose at least one stream');
    const { ticket, tty } = await engine.containers.logs(x.ctx, {
      id: x.params['name'] ?? '',
      stdout,
      stderr,
      follow: query.flag('follow'),
      timestamps: query.flag('timestamps'),
      details: query.flag('details'),
      tail: lineCount(query.text('tail')),
      since: epoch(query, 'since'),
      until: epoch(query, 'until'),
    });
    await download(x, needTicket(ticket, 'the logs'), { 'Content-Type': streamType(tty, x) });
  },
};
