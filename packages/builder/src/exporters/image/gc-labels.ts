import type { Descriptor, Index, Manifest } from '@gantry/oci';

type Labels = Readonly<Record<string, string>>;

const KEY = 'containerd.io/gc.ref.content';

/** References that garbage collection follows, in the names that containerd's own clients give them. */
export const manifestLabels = ({ config, layers }: Pick<Manifest, 'config' | 'layers'>): Labels =>
  Object.fromEntries([[`${KEY}.config`, config.digest], ...layers.map(({ digest }, at) => [`${KEY}.l.${at}`, digest])]);

export const indexLabels = ({ manifests }: Pick<Index, 'manifests'>): Labels =>
  Object.fromEntries(manifests.map(({ digest }: Descriptor, at) => [`${KEY}.m.${at}`, digest]));

/** On a configuration: the snapshot of the image's files. */
export const snapshotLabels = (snapshotter: string, chainId: string | undefined): Labels =>
  chainId === undefined ? {} : { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: chainId };
