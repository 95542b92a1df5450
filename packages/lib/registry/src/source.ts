import type { Reference } from '@gantry/oci';

type Labels = Readonly<Record<string, string>>;

/** containerd's label on a blob: repositories of a registry that have it, joined by commas. */
export const SOURCE_PREFIX = 'containerd.io/distribution.source.';
/** Key and value of a label together may not be longer; the repositories that were noted first go. */
const LIMIT = 4096;

/** As containerd names it: by the host without its port, so that registries on two ports of one host share it. */
export function sourceLabel(domain: string): string {
  return `${SOURCE_PREFIX}${domain.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')}`;
}

/** The label with a repository added to those that are there. */
export function sourceLabels({ domain, path }: Pick<Reference, 'domain' | 'path'>, old: Labels | undefined): Labels {
  const key = sourceLabel(domain);
  const paths = [...repositories(old?.[key] ?? '').filter((each) => each !== path), path];
  while (paths.length > 1 && Buffer.byteLength(key) + Buffer.byteLength(paths.join(',')) > LIMIT) paths.shift();
  return { [key]: paths.join(',') };
}

/** A repository of the same host, other than this one, that has the blob: a registry there may mount it. The newest is the likeliest. */
export function otherRepository({ domain, path }: Pick<Reference, 'domain' | 'path'>, labels: Labels): string | undefined {
  return repositories(labels[sourceLabel(domain)] ?? '')
    .filter((each) => each !== path)
    .at(-1);
}

/** Whether a blob with these labels came from the repository, or went there. */
export function isFrom({ domain, path }: Pick<Reference, 'domain' | 'path'>, labels: Labels): boolean {
  return repositories(labels[sourceLabel(domain)] ?? '').includes(path);
}

const repositories = (value: string): string[] => value.split(',').filter((path) => path !== '');
