import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeEngine, ended, hasProgram, manyPlatforms, pinnedNode, type Registry, startRegistry, testWith } from './harness';
import { loadSpecification, type Specification } from './swagger/specification';
import { unasked, walkImages } from './swagger/walk-images';

const versions = ['1.41', '1.50'];

/** What docker-registry lacks: the old index answers searches, all else goes to the registry behind it. */
const front = `
const http = require('node:http');
http.createServer((incoming, outgoing) => {
  if (incoming.url.startsWith('/v1/search')) {
    outgoing.setHeader('Content-Type', 'application/json');
    return outgoing.end(JSON.stringify({ num_results: 1, query: 'many', results: [{ name: 'many', description: 'd', star_count: 3, is_official: false, is_automated: false, is_trusted: false }] }));
  }
  const { host, ...headers } = incoming.headers;
  incoming.pipe(http.request({ host: '127.0.0.1', port: 5000, method: incoming.method, path: incoming.url, headers: { ...headers, host } }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers);
    answer.pipe(outgoing);
  }));
}).listen(5001, '127.0.0.1', () => process.stdout.write('listening'));`;

describeEngine('images and registries as the API description has them', (suite) => {
  let folder: string;
  let archive: string;
  let registry: Registry | undefined;
  let server: ReturnType<typeof spawn> | undefined;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-swagger-`));
    archive = await manyPlatforms(folder);
    if (!hasProgram('docker-registry')) return;
    registry = await startRegistry(suite.engine);
    server = spawn('nsenter', [`--net=/run/netns/${suite.engine.netns}`, pinnedNode, '-e', front], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => server?.stdout?.once('data', resolve));
  }, 180_000);
  afterAll(async () => {
    server?.kill();
    if (server !== undefined) await ended(server);
    await registry?.stop();
    rmSync(folder, { recursive: true });
  });

  for (const version of versions) {
    const specification = loadSpecification(version);
    testWith(
      `docker-registry and engine-api-v${version}.yaml in the folder DOCKER_API_SPEC`,
      specification !== undefined && hasProgram('docker-registry'),
    )(
      `API ${version}: every operation, every parameter`,
      async () => {
        if (suite.engine.kind === 'dockerd') return; // Debian's has neither platforms nor archives in OCI's layout
        const described = specification as Specification;
        const client = await walkImages({ socketPath: suite.engine.socket, archive, registry: '127.0.0.1:5001' }, described);
        process.stdout.write(
          `${client.asked.size} operations with ${client.parameters.size} parameters of API ${version} held against the description\n`,
        );
        expect(client.problems).toEqual([]);
        expect(unasked(client, described)).toEqual([]);
        // What the walk asks on purpose: a platform together with manifests, a name that no registry has, a removed name, a container that is not there.
        expect(client.refused.map((line) => line.split(' ').slice(0, 3).join(' ').replace(/\?.*/, ''))).toEqual([
          ...(version === '1.50' ? ['400 GET /images/many:1/json'] : []),
          '404 GET /distribution/127.0.0.1:5001/nothing/json',
          `404 DELETE /images/127.0.0.1:5001/swagger/many:${version}`,
          '404 POST /images/create',
          '404 POST /commit',
        ]);
      },
      120_000,
    );
  }
});
