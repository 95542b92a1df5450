import type { LogsResponse } from '@gantry/api/gantry/engine/v1/containers';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { epoch } from '../../http/epoch';
import { download, needTicket } from '../../streams/bulk';
import { streamType } from '../../streams/hijack';
import { markedDownload } from '../../streams/marked-download';
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
    const wanted = {
      id: x.params['name'] ?? '',
      stdout,
      stderr,
      follow: query.flag('follow'),
      timestamps: query.flag('timestamps'),
      details: query.flag('details'),
      tail: lineCount(query.text('tail')),
      since: epoch(query, 'since'),
      until: epoch(query, 'until'),
      marked: true,
    };
    const ask = (behind: Buffer): Promise<LogsResponse> => engine.containers.logs(x.ctx, { ...wanted, behind });
    const { ticket, tty, marked } = await ask(Buffer.alloc(0));
    const first = needTicket(ticket, 'the logs');
    const headers = { 'Content-Type': streamType(tty, x) };
    if (!marked) return download(x, first, headers);
    await markedDownload(x, engine, {
      first,
      headers,
      // A container that was removed meanwhile has no more of them.
      again: (mark) =>
        ask(mark).then(
          (answer) => needTicket(answer.ticket, 'the logs'),
          (error: unknown) => {
            if (!isErrorOf(error, 'notFound')) throw error;
            return undefined;
          },
        ),
    });
  },
};
