import { packAny } from '@gantry/api';
import { TaskExit } from '@gantry/api/containerd/events/events';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { containerFields, envelopeFields } from './fields';
import { compileFilters } from '@gantry/oci/filter';

const web = Container.fromPartial({
  id: 'web1',
  image: 'docker.io/library/nginx:1',
  runtime: { name: 'io.containerd.runc.v2' },
  labels: { tier: 'front', 'com.example/a.b': 'x,y', 'com.example.version': '2' },
});

test.each<[string, boolean]>([
  ['id==web1', true],
  ['id==web', false],
  ['image', true],
  ['image~="nginx:\\x31"', true],
  ['runtime.name==io.containerd.runc.v2', true],
  ['runtime.options', false],
  ['labels.tier==front,id==web1', true],
  ['labels."com.example/a.b"=="x,y"', true],
  ['labels.com.example.version==2', true],
  ['labels.none', false],
  ['snapshotter', false],
])('of a container, %s → %p', (filter, wanted) => {
  expect(compileFilters([filter])(containerFields(web))).toBe(wanted);
});

test('a field that is empty is absent', () => {
  const bare = Container.fromPartial({ id: 'bare', labels: { empty: '' } });
  const passes = (filter: string): boolean => compileFilters([filter])(containerFields(bare));
  expect(['image', 'image==""', 'runtime.name', 'labels.empty', 'labels.empty==""'].map(passes)).toEqual([false, false, false, true, true]);
});

test('an event is filtered by namespace, topic and its own fields', () => {
  const event = packAny(TaskExit, TaskExit.fromPartial({ containerId: 'web1', id: 'web1', exitStatus: 3 }));
  const envelope = envelopeFields({ timestamp: undefined, namespace: 'gantry', topic: '/tasks/exit', event });
  expect(compileFilters(['topic~=|^/tasks/|,namespace==gantry'])(envelope)).toBe(true);
  expect(compileFilters(['event.container_id==web1,event.exit_status==3'])(envelope)).toBe(true);
  expect(compileFilters(['event.container_id==other'])(envelope)).toBe(false);
});
