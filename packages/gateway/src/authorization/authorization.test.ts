import { connect } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GantryError, notFound } from '@gantry/rpc';
import { Plugins } from '@gantry/service/plugins';
import { TestPlugin } from '@gantry/service/plugins/testing';
import { type FakeContainers, fakeContainers } from '../testing/fake-container';
import { type GatewayFixture, startGateway } from '../testing/gateway';
import { Authorizer } from './authorizer';

interface Asked {
  readonly [member: string]: unknown;
  readonly RequestHeaders?: Readonly<Record<string, string>>;
}

let folder: string;
let gateway: GatewayFixture;
let fake: FakeContainers;
let authorizer: Authorizer;
const plugins = new Map<string, TestPlugin>();
/** What a plugin says: to a request and to an answer, by their path. */
const rules = new Map<string, object>();
const allow = { Allow: true };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'authz-'));
  for (const name of ['first', 'second']) {
    const say = (phase: string) => (asked: Asked) => rules.get(`${name} ${phase} ${String(asked['RequestUri']).split('?')[0]}`) ?? allow;
    const plugin = new TestPlugin({
      'Plugin.Activate': { Implements: ['authz'] },
      'AuthZPlugin.AuthZReq': say('req'),
      'AuthZPlugin.AuthZRes': say('res'),
    });
    await plugin.listen(join(folder, `${name}.sock`));
    plugins.set(name, plugin);
  }
  authorizer = new Authorizer(new Plugins({ sockets: folder, specs: [] }), ['first', 'second', 'first']);
  gateway = await startGateway(
    (broker, at) =>
      (fake = fakeContainers(broker, at, async (io) => {
        io.stdout(`got ${await io.stdin}`);
        return 0;
      })),
    { authorizer },
  );
});
afterEach(async () => {
  for (const monitor of fake.monitors) monitor.close();
  await gateway.close();
  for (const plugin of plugins.values()) await plugin.close();
  plugins.clear();
  rules.clear();
  rmSync(folder, { recursive: true });
});
const of = (name: string, phase: 'Req' | 'Res'): readonly Asked[] => plugins.get(name)?.of(`AuthZPlugin.AuthZ${phase}`) ?? [];
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
const bytes = (value: unknown): string => Buffer.from(String(value), 'base64').toString();

test('each plugin is told of a request and of its answer, and once', async () => {
  const body = { Image: 'busybox', Cmd: ['true'] };
  const answer = await gateway.ask('POST', '/v1.50/containers/create?name=web', {
    body,
    headers: { 'X-Registry-Auth': 'secret', 'x-two-words': 'a' },
  });
  expect([answer.status, fake.created.length]).toEqual([201, 1]);
  expect(answer.headers['content-type']).toBe('application/json');
  for (const name of ['first', 'second']) {
    expect(of(name, 'Req')).toHaveLength(1);
    const [request] = of(name, 'Req');
    expect(request).toEqual({
      RequestMethod: 'POST',
      RequestUri: '/v1.50/containers/create?name=web',
      RequestBody: Buffer.from(JSON.stringify(body)).toString('base64'),
      RequestHeaders: expect.objectContaining({ 'Content-Type': 'application/json', 'X-Two-Words': 'a' }) as object,
    });
    expect(Object.keys(request?.RequestHeaders ?? {})).not.toContain('X-Registry-Auth');
    const [after] = of(name, 'Res');
    expect(after).toMatchObject({ ...request, ResponseStatusCode: 201, ResponseHeaders: { 'Content-Type': 'application/json' } });
    expect(JSON.parse(bytes(after?.['ResponseBody']))).toMatchObject({ Id: answer.json()['Id'] });
  }
});

test('one that does not allow a request is the last that is asked', async () => {
  rules.set('first req /v1.50/containers/create', { Allow: false, Msg: 'not today' });
  const answer = await gateway.ask('POST', '/v1.50/containers/create', { body: { Image: 'busybox' } });
  expect([answer.status, answer.json().message]).toEqual([403, 'authorization denied by plugin first: not today']);
  expect([fake.created.length, of('second', 'Req').length, of('first', 'Res').length]).toEqual([0, 0, 0]);
});

test('an answer that is not allowed never reaches the client', async () => {
  rules.set('second res /v1.50/version', { Allow: false, Msg: 'secret' });
  const answer = await gateway.ask('GET', '/v1.50/version');
  expect([answer.status, answer.text]).toEqual([403, '{"message":"authorization denied by plugin second: secret"}\n']);
  expect(answer.headers['content-length']).toBe(String(answer.text.length));
  rules.set('second res /v1.50/version', allow);
  expect((await gateway.ask('GET', '/v1.50/version')).json()['Version']).toBe('0.1.0');
});

test('who cannot be asked allows nothing', async () => {
  await plugins.get('second')?.close();
  rmSync(join(folder, 'second.sock'), { force: true });
  const answer = await gateway.ask('GET', '/v1.50/version');
  expect([answer.status, answer.json().message]).toEqual([500, expect.stringContaining('plugin second failed with error: ')]);
  authorizer.change(['nobody']);
  expect((await gateway.ask('GET', '/v1.50/version')).json().message).toBe('plugin nobody failed with error: plugin "nobody" not found');
  authorizer.change([]);
  expect((await gateway.ask('GET', '/v1.50/version')).status).toBe(200);
});

test('an answer without Allow is none, whatever else it says', async () => {
  rules.set('first req /v1.50/version', { Err: 'broken' });
  expect((await gateway.ask('GET', '/v1.50/version')).status).toBe(403);
});

test.each([
  ['GET', '/v1.50/containers/nobody/json', undefined, 404],
  ['POST', '/v1.50/containers/box/kill', undefined, 204],
  ['HEAD', '/_ping', undefined, 200],
  ['POST', '/v1.50/exec/e1/start', { Detach: true }, 200],
])('%s %s is answered as without plugins', async (method, path, body, status) => {
  const asked = body === undefined ? {} : { body };
  const answer = await gateway.ask(method, path, asked);
  authorizer.change([]);
  const plain = await gateway.ask(method, path, asked);
  const { date: _one, ...headers } = answer.headers;
  const { date: _other, ...expected } = plain.headers;
  expect([answer.status, answer.text, headers]).toEqual([status, plain.text, expected]);
  expect(of('first', 'Res')).toHaveLength(1);
  if (status === 404) expect(of('first', 'Res')[0]).not.toHaveProperty('ResponseStatusCode');
  else expect(of('first', 'Res')[0]?.['ResponseStatusCode']).toBe(status);
});

test('streams go on while they are told of nothing but their beginning, and passwords never', async () => {
  await gateway.ask('GET', '/v1.50/events?until=1');
  await until(() => of('first', 'Res').length > 0); // the client's stream has ended before
  expect(of('first', 'Res')[0]).toMatchObject({ ResponseStatusCode: 200 });
  await gateway.ask('POST', '/v1.50/auth', { body: { username: 'u', password: 'p' } });
  expect(of('first', 'Req').at(-1)).not.toHaveProperty('RequestBody');
  const long = 'x'.repeat(2 << 20);
  await gateway.ask('POST', '/v1.50/containers/create', { body: { Image: 'busybox', Env: [`A=${long}`] } });
  expect(of('first', 'Req').at(-1)).not.toHaveProperty('RequestBody');
  expect(fake.created.at(-1)?.config?.Env).toEqual([`A=${long}`]);
});

test.each([true, false])('the body of a connection that leaves HTTP is told and stays: upgraded %s', async (upgraded) => {
  const body = JSON.stringify({ Detach: false, Tty: false });
  const client = connect({ path: gateway.socket, allowHalfOpen: true });
  let text = '';
  client.on('data', (chunk) => (text += chunk.toString('latin1')));
  client.write(
    `POST /v1.50/exec/e1/start HTTP/1.1\r\nHost: docker\r\n${upgraded ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : ''}` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await until(() => /^HTTP\/1.1 \d/.test(text));
  client.end('input');
  await new Promise((resolve) => client.once('end', resolve));
  expect(text).toContain('got input');
  expect(bytes(of('second', 'Req')[0]?.['RequestBody'])).toBe(body);
});

test('a body in pieces is put together, and given back', async () => {
  const body = JSON.stringify({ Image: 'busybox', Cmd: ['a'.repeat(200_000)] });
  const client = connect(gateway.socket);
  let text = '';
  client.on('data', (chunk) => (text += chunk.toString()));
  client.write(
    'POST /v1.50/containers/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n',
  );
  for (let at = 0; at < body.length; at += 50_000) {
    const part = body.slice(at, at + 50_000);
    client.write(`${part.length.toString(16)}\r\n${part}\r\n`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  client.write('0\r\n\r\n');
  await new Promise((resolve) => client.once('close', resolve));
  expect(text).toMatch(/^HTTP\/1.1 201 /);
  expect(bytes(of('first', 'Req')[0]?.['RequestBody'])).toBe(body);
});

test('a managed plugin that was disabled is asked no more, until the list is read anew', async () => {
  const disabled = new GantryError('conflict', 'plugin first found but disabled', { meta: { plugin: 'disabled' } });
  const known = new Authorizer({ get: () => Promise.reject(disabled) }, ['first']);
  await known.before({} as Parameters<Authorizer['before']>[0]);
  expect(known.names).toEqual([]);
  known.change(['first']);
  expect(known.names).toEqual(['first']);
  const broken = new Authorizer({ get: () => Promise.reject(notFound('plugin "first" not found')) }, ['first']);
  await expect(broken.before({} as Parameters<Authorizer['before']>[0])).rejects.toThrow('plugin first failed with error');
  expect(broken.names).toEqual(['first']);
});
