import { request } from 'node:http';
import { connect } from 'node:net';
import { describeEngine } from './harness';

describeEngine('what clients of the API look at', (suite) => {
  const { ok } = suite;
  const call = (method: string, path: string, body?: object) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const outgoing = request({ socketPath: suite.engine.socket, method, path: `/v1.41${path}`, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }));
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const json = async (method: string, path: string, body?: object): Promise<{ [key: string]: unknown }> =>
    JSON.parse((await call(method, path, body)).body) as { [key: string]: unknown };
  /** All that comes over a connection until the engine closes it. */
  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect(suite.engine.socket);
      let answer = '';
      socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
      socket.on('end', () => resolve(answer));
      socket.on('error', reject);
      socket.write(text);
    });

  test.each([
    [
      'swarm',
      'GET',
      '/swarm',
      503,
      /^\{"message":"This node is not a swarm manager\. Use \\"docker swarm init\\" or \\"docker swarm join\\" to connect/,
    ],
    ['services', 'GET', '/services', 503, /This node is not a swarm manager\./],
    ['plugins', 'GET', '/plugins', 200, /^\[\]/],
    ['a plugin', 'GET', '/plugins/nothing/json', 404, /plugin \\"nothing\\" not found/],
    ['a tag that is none', 'POST', '/images/busybox/tag?repo=other&tag=-x', 400, /invalid tag format/],
    ['a tag of a pull that is none', 'POST', '/images/create?fromImage=busybox&tag=-x', 400, /invalid tag format/],
    ['a websocket to nobody', 'GET', '/containers/nobody/attach/ws', 404, /No such container: nobody/],
    ['an import of what is not there', 'POST', '/images/create?fromSrc=http://127.0.0.1:1/x.tar', 500, /^\{"message":"Get .*refused/],
  ])('%s: the status and words of docker', async (_what, method, path, status, message) => {
    const answer = await call(method, path);
    expect(answer.body).toMatch(message);
    expect(answer.status >= 500 && status === 500 ? status : answer.status).toBe(status);
  });

  test('lists and maps that were given empty are told from those that were not', async () => {
    const HostConfig = { Links: [], Dns: [], CapAdd: [], Ulimits: [], ExtraHosts: [], PortBindings: {}, Nonsense: ['x'] };
    await call('POST', '/containers/create?name=given', { Image: 'busybox', Cmd: ['true'], HostConfig, Nonsense: 1 });
    expect((await json('GET', '/containers/given/json'))['HostConfig']).toMatchObject({
      ...{ Dns: [], CapAdd: [], Ulimits: [], ExtraHosts: [], PortBindings: {} },
      ...{ Links: null, DnsSearch: null, CapDrop: null, Devices: null, Binds: null, BlkioWeightDevice: null },
    });
    await ok('rm', 'given');
    await call('POST', '/networks/create', { Name: 'plain' });
    await call('POST', '/networks/create', { Name: 'optional', IPAM: { Options: {} } });
    expect((await json('GET', '/networks/plain'))['IPAM']).toMatchObject({ Driver: 'default', Options: null });
    expect((await json('GET', '/networks/optional'))['IPAM']).toMatchObject({ Driver: 'default', Options: {} });
    await ok('network', 'rm', 'plain', 'optional');
    // Docker 28's null was [] before.
    if (suite.engine.kind === 'gantry') expect((await json('GET', '/networks/none'))['IPAM']).toMatchObject({ Config: null });
  });

  test('a network shows what was asked for, and a container is refused what no start could honour', async () => {
    const Config = [{ Subnet: '10.79.0.0/24' }];
    await call('POST', '/networks/create', { Name: 'asked', IPAM: { Options: { a: 'b' }, Config } });
    expect((await json('GET', '/networks/asked'))['IPAM']).toEqual({ Driver: 'default', Options: { a: 'b' }, Config });
    await ok('network', 'rm', 'asked');
    for (const [EndpointsConfig, message] of [
      [{ bridge: null }, /bridge/],
      [{ bridge: { IPAMConfig: { IPv4Address: '172.17.0.9' } } }, /user defined networks only/],
    ] as const) {
      const answer = await call('POST', '/containers/create?name=wrong', { Image: 'busybox', NetworkingConfig: { EndpointsConfig } });
      expect(answer).toMatchObject({ status: 400, body: expect.stringMatching(message) as string });
    }
    expect((await json('POST', '/volumes/create', { Name: 'made' }))['CreatedAt']).toMatch(/T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/);
    await ok('volume', 'rm', 'made');
  });

  test('a second start of an exec is told in its stream, or as a conflict where there is none', async () => {
    await ok('run', '-d', '--name', 'executes', 'busybox', 'sleep', '600');
    const { Id } = await json('POST', '/containers/executes/exec', { Cmd: ['echo', 'once'], AttachStdout: true });
    const start = (body: string): Promise<string> =>
      raw(
        `POST /v1.41/exec/${String(Id)}/start HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    expect(await start('{}')).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n[^]*\r\n\r\n\x01\0\0\0\0\0\0\x05once\n$/);
    expect(await start('{}')).toMatch(/^HTTP\/1\.1 101 UPGRADED\r\n[^]*\r\n\r\n\x01\0\0\0\0\0\0.[^]*has already run\r\n$/);
    expect(await call('POST', `/exec/${String(Id)}/start`, { Detach: true })).toMatchObject({
      status: 409,
      body: expect.stringContaining('has already run') as string,
    });
    expect(await call('GET', '/containers/executes/logs?stdout=1&tail=99999999999999999999')).toMatchObject({ status: 200 });
    await ok('rm', '-f', 'executes');
  });
});
