import { readFileSync } from 'node:fs';
import { HealthCheckResponse_ServingStatus, HealthService } from '@gantry/api/grpc/health/v1/health';
import { connect, newContext } from '@gantry/rpc';
import { buildByApi } from './builds/by-api';
import { command, loadBusybox, startEngine, until, type Engine } from './harness';

interface Line {
  readonly service: string;
  readonly trace_id?: string;
  readonly operation?: string;
  readonly msg: string;
}

describe('one request through all services', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine('gantry', { args: ['--log-level', 'debug'] });
    await loadBusybox(engine);
  }, 120_000);
  afterAll(() => engine.destroy(), 180_000);

  const lines = (): Line[] =>
    readFileSync(engine.log, 'utf8')
      .split('\n')
      .slice(0, -1) // what follows the last end of a line is being written
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
  const servicesOf = (operation: string): string[] => {
    const traceId = lines().find((line) => line.operation === operation)?.trace_id;
    return [
      ...new Set(
        lines()
          .filter((line) => traceId !== undefined && line.trace_id === traceId)
          .map((line) => line.service),
      ),
    ].sort();
  };

  test('each service logs the trace id that the gateway gave', async () => {
    await engine.docker(['run', '-d', '-p', '80', '-v', 'data:/data', 'busybox', 'sleep', '600']);
    await until('the gateway to log the start', () => servicesOf('ContainerStart').includes('gateway'));
    expect(servicesOf('ContainerStart')).toEqual(['gateway', 'images', 'network', 'shim', 'supervisor']);
  });

  test('a build and its steps have the trace id of who asked for them', async () => {
    expect(await buildByApi(engine, 'FROM busybox\nRUN true\n')).toMatchObject({ status: 200, error: '' });
    await until('the gateway to log the build', () => servicesOf('ImageBuild').includes('gateway'));
    expect(servicesOf('ImageBuild')).toEqual(['build', 'gateway', 'images', 'network', 'shim', 'supervisor']);
  });

  test.each(['gateway', 'supervisor', 'images', 'network', 'shim', 'build', 'cri'])('%s serves its metrics', async (service) => {
    const answer = await command('curl', ['-s', '--unix-socket', `${engine.run}/${service}-metrics.sock`, 'http://localhost/metrics']);
    expect(answer.stdout).toMatch(/^process_resident_memory_bytes\{/m);
  });

  test.each(['gateway', 'supervisor', 'images', 'network', 'shim', 'build', 'cri'])('%s answers health checks', async (service) => {
    const connection = connect(`${engine.run}/${service}.sock`);
    try {
      expect(await connection.client(HealthService).check(newContext(), { service: '' })).toMatchObject({
        status: HealthCheckResponse_ServingStatus.SERVING,
      });
    } finally {
      connection.close();
    }
  });
});
