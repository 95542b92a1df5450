import { OOM_EXTENSION, packAny, packJson } from '@gantry/api';
import { TaskOOM } from '@gantry/api/containerd/events/events';
import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { Database, openRecords } from '../../core/records';
import { noteOom } from './oom-note';

test("that the kernel killed something is kept with a pod's container, and with no other's", () => {
  const records = openRecords(new Database(':memory:'));
  const cri = { 'gantry.io/cri.container': packJson('gantry.io/cri.container', {}) };
  records.create('k8s.io', Container.fromPartial({ id: 'pods', extensions: cri }));
  records.create('k8s.io', Container.fromPartial({ id: 'other' }));
  let changes = 0;
  records.onChange(() => changes++);
  const tell = (containerId: string, topic = '/tasks/oom') =>
    noteOom(records, { namespace: 'k8s.io', topic, event: packAny(TaskOOM, TaskOOM.fromPartial({ containerId })) });
  tell('pods', '/tasks/exit');
  for (const id of ['other', 'none']) tell(id);
  expect(changes).toBe(0);
  for (let times = 0; times < 2; times++) tell('pods');
  expect(changes).toBe(1);
  expect(Object.keys(records.get('k8s.io', 'pods')?.extensions ?? {}).sort()).toEqual(['gantry.io/cri.container', OOM_EXTENSION]);
  expect(records.get('k8s.io', 'other')?.extensions).toEqual({});
  records.close();
});
