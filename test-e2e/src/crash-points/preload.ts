/**
 * What a test loads into services before their own code (`node --require`): it counts the steps by which a service changes something outside of itself,
 * and ends the process at the one that the test names. The product knows nothing of it. See control.ts.
 */
import childProcess from 'node:child_process';
import fs from 'node:fs';
import http2 from 'node:http2';
import Module from 'node:module';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread } from 'node:worker_threads';

type Method = (this: unknown, ...args: unknown[]) => unknown;
type Methods = Record<string, Method>;

const folder = process.env['GANTRY_CRASH_POINTS'] ?? '';
const service = /\/(gantry[a-z-]*)\.cjs$/.exec(process.argv[1] ?? '')?.[1] ?? '';
const wanted = `${folder}/${service}.wanted`;
const trace = `${folder}/${service}.trace`;
const { readFileSync, appendFileSync, unlinkSync } = fs;
let round = '';
let count = 0;
let counting = false;

/** A step is about to be made, or has just been made. The file that names one to die at is read each time: it says "ROUND NUMBER". */
function point(name: string): void {
  if (counting) return; // Node's own functions call each other
  counting = true;
  try {
    tell(name);
  } finally {
    counting = false;
  }
}

function tell(name: string): void {
  let said: string;
  try {
    said = readFileSync(wanted, 'latin1');
  } catch {
    return; // nobody counts
  }
  const [now = '', at = ''] = said.split(' ');
  if (now !== round) {
    round = now;
    count = 0;
  }
  appendFileSync(trace, `${name}\n`);
  if (++count !== Number(at)) return;
  unlinkSync(wanted); // the next process shall live
  process.kill(process.pid, 'SIGKILL');
}

function wrap(owner: object, name: string, around: (method: Method) => Method): void {
  const methods = owner as Methods;
  const method = methods[name];
  if (method !== undefined) methods[name] = around(method);
}

/** Commits, each before and after, named by the last change in them. */
function countCommits(): void {
  let last = '';
  let open = false;
  const nameOf = (sql: string): string => sql.replaceAll(/\s+/g, ' ').slice(0, 60);
  wrap(
    DatabaseSync.prototype,
    'exec',
    (method) =>
      function (this: unknown, ...args) {
        const [sql] = args as [string];
        if (sql.startsWith('BEGIN')) open = true;
        if (sql === 'ROLLBACK') open = false;
        if (sql !== 'COMMIT') return method.apply(this, args);
        open = false;
        point(`before commit: ${last}`);
        const done = method.apply(this, args);
        point(`after commit: ${last}`);
        return done;
      },
  );
  const statement = Object.getPrototypeOf(new DatabaseSync(':memory:').prepare('SELECT 1')) as object;
  wrap(
    statement,
    'run',
    (method) =>
      function (this: unknown, ...args) {
        last = nameOf((this as { sourceSQL: string }).sourceSQL);
        if (!open) point(`before: ${last}`);
        const done = method.apply(this, args);
        if (!open) point(`after: ${last}`);
        return done;
      },
  );
}

/** Calls of other services, each before it is sent and when it is answered, before its caller knows. */
function countCalls(): void {
  wrap(
    http2,
    'connect',
    (connect) =>
      function (this: unknown, ...args) {
        const session = connect.apply(this, args) as http2.ClientHttp2Session;
        wrap(
          session,
          'request',
          (request) =>
            function (this: unknown, ...requestArgs) {
              const [headers] = requestArgs as [Record<string, string>];
              const name = (headers[':path'] ?? '').split('.').pop();
              const counted = !/Health|Subscribe|Stats/.test(name ?? '');
              if (counted) point(`call ${name}`);
              const stream = request.apply(this, requestArgs) as http2.ClientHttp2Stream;
              if (counted) stream.once('trailers', () => point(`answer ${name}`));
              return stream;
            },
        );
        return session;
      },
  );
}

/** Changes of folders and files, by Node. */
function countFiles(): void {
  const changes = ['mkdir', 'rm', 'rmdir', 'rename', 'writeFile', 'unlink', 'symlink', 'link', 'copyFile', 'chown', 'truncate'];
  const counted = (name: string, method: Method): Method =>
    function (this: unknown, ...args) {
      const [path] = args;
      if (typeof path === 'string') point(`${name} ${path.split('/').slice(-2).join('/')}`);
      return method.apply(this, args);
    };
  for (const name of changes) {
    wrap(fs, `${name}Sync`, (method) => counted(name, method));
    wrap(fs.promises, name, (method) => counted(name, method));
  }
}

/** Programs that are run: helpers, git, what a driver needs. */
function countPrograms(): void {
  for (const name of ['spawn', 'execFile', 'spawnSync', 'execFileSync'])
    wrap(
      childProcess,
      name,
      (method) =>
        function (this: unknown, ...args) {
          point(`run ${String(args[0]).split('/').pop()} ${Array.isArray(args[1]) ? String(args[1][0]) : ''}`);
          return method.apply(this, args);
        },
    );
}

/** System calls that Node has no name for: mounts, netlink, namespaces. */
function countSystemCalls(): void {
  const changes = /^(mount|umount2|mknodat|mkdirat|unlinkat|symlinkat|linkat|renameat2|sendto|sendmsg|setns|unshare|kill|syscall)$/;
  const counted = (name: string, fn: Method): Method =>
    new Proxy(fn, {
      apply(target, self, args: unknown[]) {
        point(name);
        return Reflect.apply(target, self, args);
      },
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (key !== 'async' || typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          point(name);
          return Reflect.apply(value as Method, target, args);
        };
      },
    });
  const libraryOf = (library: Methods): Methods =>
    new Proxy(library, {
      get(target, key) {
        const value = Reflect.get(target, key) as Method;
        if (key !== 'func') return value;
        return (name: string, ...args: unknown[]) => {
          const fn = value.call(target, name, ...args) as Method;
          return changes.test(name) ? counted(name, fn) : fn;
        };
      },
    });
  wrap(
    Module,
    '_load',
    (load) =>
      function (this: unknown, ...args) {
        const loaded = load.apply(this, args) as Methods;
        if (args[0] !== 'koffi') return loaded;
        return new Proxy(loaded, {
          get(target, key) {
            const value: unknown = Reflect.get(target, key);
            return key === 'load' ? (...names: unknown[]) => libraryOf((value as Method).apply(target, names) as Methods) : value;
          },
        });
      },
  );
}

if (isMainThread && folder !== '' && service !== '') {
  countCommits();
  countCalls();
  countFiles();
  countPrograms();
  countSystemCalls();
}
