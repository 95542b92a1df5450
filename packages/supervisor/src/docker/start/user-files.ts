import type { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import type { CallContext, ServiceClient } from '@gantry/rpc';
import type { DockerRecords } from '../records';

interface Needs {
  readonly records: Pick<DockerRecords, 'get' | 'dockerNamespace'>;
  readonly trees: Pick<ServiceClient<TreesServiceService>, 'readFiles'>;
}

/** The files that names of users and groups are looked up in; a missing one is empty. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Those of a stopped container: the service that has its snapshot reads them, whatever the snapshotter. */
export async function userFiles({ records, trees }: Needs, ctx: CallContext, id: string): Promise<UserFiles> {
  const snapshotter = records.get(records.dockerNamespace, id)?.snapshotter ?? '';
  const { files } = await trees.readFiles(ctx, { snapshotter, snapshotKey: id, paths: ['/etc/passwd', '/etc/group'] });
  const [passwd = '', group = ''] = files.map(({ content }) => Buffer.from(content).toString());
  return { passwd, group };
}
