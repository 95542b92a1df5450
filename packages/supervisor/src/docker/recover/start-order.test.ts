import { Container } from '@gantry/api/gantry/engine/v1/record';
import type { DockerRecord } from '../records';
import { startOrder } from './start-order';

const record = (id: string, host: object = {}, labels: Record<string, string> = {}): DockerRecord => ({
  id,
  docker: Container.fromPartial({ name: `name-${id}`, config: { Labels: labels }, hostConfig: host }),
});
const service = (id: string, name: string, dependsOn = '', project = 'shop'): DockerRecord =>
  record(
    id,
    {},
    {
      'com.docker.compose.project': project,
      'com.docker.compose.service': name,
      'com.docker.compose.depends_on': dependsOn,
    },
  );

test("compose's labels name services of the same project, each of their containers, with conditions", () => {
  const order = startOrder([
    service(
      'web',
      'web',
      'db:service_healthy:false,job:service_completed_successfully:true,cache:service_started:true,gone:service_started:true',
    ),
    service('db1', 'db'),
    service('db2', 'db'),
    service('other', 'db', '', 'blog'),
    service('job', 'job'),
    service('cache', 'cache'),
  ]);
  expect(order.get('web')).toEqual([
    { id: 'db1', condition: 'healthy' },
    { id: 'db2', condition: 'healthy' },
    { id: 'job', condition: 'completed' },
    { id: 'cache', condition: 'started' },
  ]);
  expect(order.get('db1')).toEqual([]);
});

test('links, namespaces and volumes of others, by id or name, once each', () => {
  const order = startOrder([
    record('a', {
      Links: ['b:db'],
      NetworkMode: 'container:b',
      IpcMode: 'container:c',
      PidMode: 'host',
      VolumesFrom: ['name-d:ro', 'nobody'],
    }),
    record('b'),
    record('c'),
    record('d'),
  ]);
  expect(order.get('a')?.map(({ id }) => id)).toEqual(['b', 'c', 'd']);
});

test('a circle is cut, and nothing waits for itself', () => {
  const order = startOrder([
    service('a', 'a', 'b:service_started:true,a:service_started:true'),
    service('b', 'b', 'c:service_started:true'),
    service('c', 'c', 'a:service_started:true'),
  ]);
  expect([...order].map(([id, on]) => [id, on.map((each) => each.id)])).toEqual([
    ['a', ['b']],
    ['b', ['c']],
    ['c', []],
  ]);
});
