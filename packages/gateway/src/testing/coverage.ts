import { request as httpRequest } from 'node:http';
import { bodyCodecs, requestMembers } from '@gantry/docker-api/testing';
import { scanJson } from '@gantry/docker-api';
import { Query } from '../http/query';
import { Router } from '../http/router';
import { routes } from '../routes/table';

/** One operation of the API's description. */
export interface Described {
  readonly method: string;
  /** As the description has it: `/containers/{id}/json`. */
  readonly path: string;
  readonly operation: string;
  readonly parameters: readonly string[];
}

/** What the running gateway does with something of the API. */
export type Verdict = 'honoured' | 'refused by name' | 'Swarm' | 'not implemented, named' | 'nothing to do';

/** Why nothing is done with a parameter or member that is taken. */
const reasons: Readonly<Record<string, string>> = {
  'network.CreateRequest.CheckDuplicate': 'names of networks are unique always',
  'ContainerStart.detachKeys': 'nothing is attached by a start; dockerd reads it as little',
};

/** What has to be said beside a parameter for it to be read; each in turn. */
const beside: Readonly<Record<string, readonly string[]>> = {
  ContainerLogs: ['stdout=1'],
  ContainerResize: ['h=1', 'w=1'],
  ExecResize: ['h=1', 'w=1'],
  PutContainerArchive: ['path=/'],
  ImageCreate: ['fromImage=x', 'fromSrc=-'],
  ImageGetAll: ['names=x'],
};

const router = new Router(routes);

/** Names of the query parameters that are read while `task` runs. */
export async function namesRead(task: () => Promise<unknown>): Promise<Set<string>> {
  const read = new Set<string>();
  const spies = (['has', 'text', 'all', 'flag', 'integer', 'int32', 'required'] as const).map((method) => {
    const original = Query.prototype[method] as (this: Query, name: string, ...more: unknown[]) => unknown;
    return jest.spyOn(Query.prototype, method).mockImplementation(function (this: Query, name: string, ...more: unknown[]): never {
      read.add(name);
      return original.call(this, name, ...more) as never;
    });
  });
  try {
    await task();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return read;
}

export interface Covered extends Described {
  readonly verdict: Verdict;
  readonly read: readonly (readonly [parameter: string, verdict: Verdict])[];
}

/** Asks the gateway on a socket for an operation in several ways. */
export async function cover(socket: string, described: Described): Promise<Covered> {
  const route = router.find(described.method, concrete(described.path))?.route;
  if (route === undefined) throw new Error(`no route for ${described.method} ${described.path}`);
  const plain = await ask(socket, described.method, concrete(described.path));
  const verdict = verdictOf(plain);
  const read: (readonly [string, Verdict])[] = [];
  for (const name of described.parameters) {
    if (verdict !== 'honoured') {
      read.push([name, verdict]);
      continue;
    }
    const answers: string[] = [];
    const names = await namesRead(async () => {
      for (const more of beside[described.operation] ?? [''])
        for (const value of ['', '1', 'x', '{}', '[]']) {
          const query = `${more.startsWith(`${name}=`) ? '' : `${more}&`}${name}=${encodeURIComponent(value)}`;
          answers.push((await ask(socket, described.method, `${concrete(described.path)}?${query}`)).message);
        }
    });
    const refused = answers.some((message) => new RegExp(`\\b${name}\\b.*not (supported|implemented)`, 'i').test(message));
    read.push([name, refused ? 'refused by name' : names.has(name) ? 'honoured' : 'nothing to do']);
  }
  return { ...described, verdict, read };
}

function verdictOf({ status, message }: { readonly status: number; readonly message: string }): Verdict {
  if (status === 503 || /swarm/i.test(message)) return 'Swarm';
  return status === 501 ? 'not implemented, named' : 'honoured';
}

const concrete = (path: string): string => path.replace(/\{[^}]*\}/g, 'x');

/** How long an answer may keep a stream open, milliseconds: what is looked at was read before it. */
const SOON_MS = 5000;

function ask(socketPath: string, method: string, path: string): Promise<{ readonly status: number; readonly message: string }> {
  return new Promise((resolve) => {
    const body = method === 'POST' || method === 'PUT' ? '{"Image":"x","Name":"x","Container":"x","Cmd":["x"],"RemoteAddrs":[]}' : '';
    const headers = path.includes('/ws')
      ? webSocket
      : body === ''
        ? {}
        : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) };
    const done = (status: number, text: string): void => {
      clearTimeout(timer);
      outgoing.destroy();
      resolve({ status, message: messageOf(text) });
    };
    const outgoing = httpRequest({ socketPath, method, path, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => done(response.statusCode ?? 0, text));
      response.on('error', () => done(response.statusCode ?? 0, text));
    });
    outgoing.on('upgrade', (_response, socket) => {
      socket.destroy();
      done(101, '');
    });
    const timer = setTimeout(() => done(0, ''), SOON_MS);
    outgoing.on('error', () => done(0, ''));
    outgoing.end(body);
  });
}

const webSocket = {
  ...{ Connection: 'Upgrade', Upgrade: 'websocket' },
  ...{ 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64') },
};

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}

const place = { struct: '', path: '' };

/** What happens to each member of the bodies: it is read, or refused by its name. */
export function coverMembers(): readonly (readonly [body: string, member: string, verdict: Verdict])[] {
  return Object.entries(requestMembers).flatMap(([body, members]) =>
    members.split(' ').map((member) => {
      const codec = bodyCodecs(body);
      let verdict: Verdict = 'honoured';
      try {
        const read = codec.read(scanJson(`{"${member}":{"x":1}}`).value, place);
        if (JSON.stringify(read, bigints) === JSON.stringify(codec.zero(), bigints)) verdict = 'nothing to do';
      } catch (error) {
        if (/is not supported by gantry/.test(String(error))) verdict = 'refused by name';
      }
      return [body, member, verdict] as const;
    }),
  );
}

const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

const PLAIN = 'honoured';

/** docs/api-coverage.md. */
export function renderCoverage(operations: readonly Covered[], members: ReturnType<typeof coverMembers>): string {
  const marked = (name: string, verdict: Verdict, key: string): string => {
    const why = reasons[key] === undefined ? '' : `: ${reasons[key]}`;
    return verdict === PLAIN ? `\`${name}\`` : `\`${name}\` (${verdict}${why})`;
  };
  const rows = operations.map(({ method, path, operation, verdict, read }) => {
    const names = read.map(([name, each]) => marked(name, each === verdict ? PLAIN : each, `${operation}.${name}`)).join(' ');
    return `| \`${method} ${path}\` | ${operation} | ${verdict} | ${names} |`;
  });
  const bodies = [...new Set(members.map(([body]) => body))].map((body) => {
    const own = members.filter(([of]) => of === body).map(([, name, verdict]) => marked(name, verdict, `${body}.${name}`));
    return `| ${body} | ${own.join(' ')} |`;
  });
  const count = (verdict: Verdict): number => operations.filter((each) => each.verdict === verdict).length;
  return `# What of the Engine API is answered

Made by \`tools/node tools/api-coverage.mjs\` out of a table of the API's operations and a running gateway, which is asked for each of them with each of its parameters; a test holds the gateway to it. *Honoured* is what a handler reads and
passes on; the rest says so: *refused by name* is an error that names it, *Swarm* is answered as by an engine outside of a swarm (503; init and join 501), *not implemented, named* is 501 with the operation's name. Members of bodies that the
API does not have are ignored, as Go does.

${operations.length} operations: ${count('honoured')} honoured, ${count('Swarm')} Swarm, ${count('not implemented, named')} not implemented.

## Operations and query parameters

| | operation | | parameters |
|---|---|---|---|
${rows.join('\n')}

## Members of bodies

By message of gantry.engine.v1, or by Go's name of the body.

| body | members |
|---|---|
${bodies.join('\n')}
`;
}

/** The operations that the document names, with their parameters. */
export function describedIn(document: string): Described[] {
  return [...document.matchAll(/^\| `([A-Z]+) (\S+)` \| (\w+) \| [^|]* \| ([^|]*) \|$/gm)].map(
    ([, method = '', path = '', operation = '', parameters = '']) => ({
      method,
      path,
      operation,
      parameters: [...parameters.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    }),
  );
}

/** The same out of a table with a heading: method, path, operation_id and query_params are read. */
export function describedBy(table: string): Described[] {
  const [heading = '', ...rows] = table.split('\n').filter((line) => line !== '');
  const columns = heading.split('\t');
  return rows.map((row) => {
    const cells = row.split('\t');
    const cell = (name: string): string => cells[columns.indexOf(name)] ?? '';
    return {
      method: cell('method'),
      path: cell('path'),
      operation: cell('operation_id'),
      parameters: cell('query_params')
        .split(' ')
        .map((name) => name.replace('*', ''))
        .filter((name) => name !== ''),
    };
  });
}
