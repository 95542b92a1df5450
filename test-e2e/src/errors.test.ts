import { request } from 'node:http';
import { describeEngine } from './harness';

describeEngine('bad input', (suite) => {
  const { ok, docker } = suite;
  const call = (method: string, path: string, body?: string, headers: Record<string, string> = { 'content-type': 'application/json' }) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const outgoing = request({ socketPath: suite.engine.socket, method, path, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  test.each([
    ['malformed JSON', 'POST', '/v1.41/containers/create', '{"Image":', 400, /unexpected EOF|invalid JSON/],
    ['a wrong type', 'POST', '/v1.41/containers/create', '{"Image":7}', 400, /cannot unmarshal number into Go/],
    ['an unknown image', 'POST', '/v1.41/containers/create', '{"Image":"no/such:1","Cmd":["true"]}', 404, /No such image: no\/such:1/],
    ['an unknown container', 'GET', '/v1.41/containers/nobody/json', undefined, 404, /No such container: nobody/],
    ['an unknown container to start', 'POST', '/v1.41/containers/nobody/start', undefined, 404, /No such container: nobody/],
    ['a version that is too new', 'GET', '/v9.99/info', undefined, 400, /client version 9\.99 is too new/],
    ['an unknown path', 'GET', '/v1.41/nowhere', undefined, 404, /page not found/],
    ['a bad container name', 'POST', '/v1.41/containers/create?name=%24%24', '{"Image":"busybox"}', 400, /Invalid container name \(\$\$\)/],
    ['an unknown network', 'GET', '/v1.41/networks/nowhere', undefined, 404, /network nowhere not found/],
    ['an unknown volume', 'GET', '/v1.41/volumes/nothing', undefined, 404, /no such volume/],
    ['an unknown exec', 'GET', '/v1.41/exec/nothing/json', undefined, 404, /No such exec/],
  ])('%s: the status and message of docker', async (_what, method, path, body, status, message) => {
    const answer = await call(method, path, body);
    expect(answer.body).toMatch(message);
    // The 20.10 of Debian 12 answers 500 where later ones answer 400.
    expect(suite.engine.kind === 'dockerd' && answer.status === 500 && status === 400 ? status : answer.status).toBe(status);
  });

  test('a name that is taken', async () => {
    await ok('create', '--name', 'taken', 'busybox', 'true');
    const second = await docker(['create', '--name', 'taken', 'busybox', 'true']);
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      /Conflict\. The container name "\/taken" is already in use by container "?[0-9a-f]{64}"?\. You have to remove \(or rename\) that container/,
    );
    await ok('rm', 'taken');
  });

  test('a running container is not removed without force', async () => {
    await ok('run', '-d', '--name', 'runs', 'busybox', 'sleep', '600');
    const refused = await docker(['rm', 'runs']);
    expect(refused.stderr).toMatch(/container is running|running container/);
    await ok('rm', '-f', 'runs');
  });

  test('the engine goes on', async () => {
    expect(await ok('run', '--rm', 'busybox', 'echo', 'fine')).toBe('fine');
  });
});
