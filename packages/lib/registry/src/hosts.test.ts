import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hosts } from './hosts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gi-hosts-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const hosts = (): Hosts => new Hosts({ mirrors: ['https://hub-mirror.test'], insecure: [], paths: [join(root, 'missing'), root] });
async function file(host: string, name: string, text: string): Promise<void> {
  await mkdir(join(root, host), { recursive: true });
  await writeFile(join(root, host, name), text);
}

test('hosts.toml: order, server last, every field', async () => {
  await file('reg.test:5000', 'ca.pem', 'CA');
  await file('reg.test:5000', 'c.pem', 'CERT');
  await file('reg.test:5000', 'k.pem', 'KEY');
  await file(
    'reg.test:5000',
    'hosts.toml',
    `server = "https://upstream.test"
[host."https://mirror.test/prefix"]
  capabilities = ["pull"]
  ca = "ca.pem"
  client = [["c.pem", "k.pem"], "c.pem"]
  dial_timeout = "1m1.5s"
  [host."https://mirror.test/prefix".header]
    x-one = "a"
    x-two = ["b", "c"]
[host."http://plain.test:8080/own/v2"]
  override_path = true
  skip_verify = true
`,
  );
  const found = await hosts().endpoints('reg.test:5000');
  expect(found.map(({ base, api, mirror, namespace }) => [base.origin + api, mirror, namespace])).toEqual([
    ['https://mirror.test/prefix/v2', true, 'reg.test:5000'],
    ['http://plain.test:8080/own/v2', true, 'reg.test:5000'],
    ['https://upstream.test/v2', true, 'reg.test:5000'],
  ]);
  expect([...(found[0]?.capabilities ?? [])]).toEqual(['pull']);
  expect([...(found[1]?.capabilities ?? [])]).toEqual(['pull', 'resolve', 'push']);
  expect(found[0]?.headers).toEqual({ 'x-one': 'a', 'x-two': 'b, c' });
  expect(found[0]?.transport).toEqual({
    insecure: false,
    ca: ['CA'],
    clients: [
      { cert: 'CERT', key: 'KEY' },
      { cert: 'CERT', key: 'CERT' },
    ],
    dialTimeout: 61_500,
  });
  expect(found[1]?.transport.insecure).toBe(true);
});

test('hosts.toml without a server: the registry itself comes last; host_port_ and _default are found', async () => {
  await file('reg.test_5000_', 'hosts.toml', '[host."https://a.test"]\n');
  await file('_default', 'hosts.toml', '[host."https://any.test"]\n');
  expect((await hosts().endpoints('reg.test:5000')).map(({ base, mirror }) => [base.origin, mirror])).toEqual([
    ['https://a.test', true],
    ['https://reg.test:5000', false],
  ]);
  expect((await hosts().endpoints('docker.io')).map(({ base }) => base.origin)).toEqual([
    'https://any.test',
    'https://registry-1.docker.io',
  ]);
});

test('what is not known in hosts.toml is refused by name, and so is what is wrong', async () => {
  const refused = async (text: string): Promise<string> => {
    await file('x.test', 'hosts.toml', text);
    return hosts()
      .endpoints('x.test')
      .then(
        () => 'taken',
        (error: Error) => error.message,
      );
  };
  expect(await refused('proxy = "http://p"')).toMatch(/hosts\.toml: proxy is not supported$/);
  expect(await refused('[host."https://a"]\nspeed = 1')).toMatch(/host\."https:\/\/a"\.speed is not supported$/);
  expect(await refused('server = "ftp://a"')).toMatch(/"ftp:\/\/a" is not an http or https host/);
  expect(await refused('capabilities = ["fly"]')).toMatch(/"fly" is not known/);
  expect(await refused('dial_timeout = "soon"')).toMatch(/not a duration/);
  expect(await refused('skip_verify = 1')).toMatch(/neither true nor false/);
  expect(await refused('server = ')).toMatch(/hosts\.toml: /);
});

test("docker's certificate files; half a pair is refused", async () => {
  await file('reg.test', 'ca.crt', 'CA');
  await file('reg.test', 'me.cert', 'CERT');
  await expect(hosts().endpoints('reg.test')).rejects.toThrow('missing key me.key for client certificate me.cert');
  await file('reg.test', 'me.key', 'KEY');
  const [first, ...more] = await hosts().endpoints('reg.test');
  expect(more).toEqual([]);
  expect(first).toMatchObject({ mirror: false, transport: { insecure: false, ca: ['CA'], clients: [{ cert: 'CERT', key: 'KEY' }] } });
  await rm(join(root, 'reg.test', 'me.cert'));
  await expect(hosts().endpoints('reg.test')).rejects.toThrow('missing client certificate me.cert for key me.key');
});

test('a registry name leads nowhere else', async () => {
  await expect(hosts().endpoints('../reg.test')).rejects.toThrow('is not a host');
});

test('a request may name the scheme; plain HTTP is otherwise for loopback and configured hosts', async () => {
  expect((await hosts().endpoints('reg.test', { scheme: 'http' })).map(({ base }) => base.origin)).toEqual(['http://reg.test']);
  expect((await hosts().endpoints('localhost:1', { scheme: 'https' })).map(({ base }) => base.origin)).toEqual(['https://localhost:1']);
  expect((await hosts().endpoints('reg.test')).map(({ base }) => base.origin)).toEqual(['https://reg.test']);
});
