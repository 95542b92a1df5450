import { type Descriptor, sha256 } from '@gantry/oci';
import { described } from './media';

const OCI = 'application/vnd.oci.image.layer';
const DOCKER = 'application/vnd.docker.image.rootfs';

test.each<[given: string, oci: string, docker: string, foreignOci: string, foreignDocker: string]>([
  [
    `${OCI}.v1.tar+gzip`,
    `${OCI}.v1.tar+gzip`,
    `${DOCKER}.diff.tar.gzip`,
    `${OCI}.nondistributable.v1.tar+gzip`,
    `${DOCKER}.foreign.diff.tar.gzip`,
  ],
  [
    `${DOCKER}.foreign.diff.tar.gzip`,
    `${OCI}.v1.tar+gzip`,
    `${DOCKER}.diff.tar.gzip`,
    `${OCI}.nondistributable.v1.tar+gzip`,
    `${DOCKER}.foreign.diff.tar.gzip`,
  ],
  [`${OCI}.nondistributable.v1.tar`, `${OCI}.v1.tar`, `${DOCKER}.diff.tar`, `${OCI}.nondistributable.v1.tar`, `${DOCKER}.foreign.diff.tar`],
  [
    `${DOCKER}.diff.tar.zstd`,
    `${OCI}.v1.tar+zstd`,
    `${DOCKER}.diff.tar.zstd`,
    `${OCI}.nondistributable.v1.tar+zstd`,
    `${OCI}.nondistributable.v1.tar+zstd`,
  ],
  ['application/x', 'application/x', 'application/x', 'application/x', 'application/x'],
])('a layer of type %s, by each convention, and where it stays with its makers', (mediaType, ...expected) => {
  const blob: Descriptor = { mediaType, digest: sha256(Buffer.from('1')), size: 1, urls: ['https://maker.example/1'] };
  const made = [false, true].flatMap((nondistributable) => [true, false].map((oci) => described(blob, { oci, nondistributable })));
  expect(made.map((each) => each.mediaType)).toEqual(expected);
  expect(made.map(({ urls }) => urls)).toEqual([undefined, undefined, blob.urls, blob.urls]);
  // Without an address nobody else has it.
  const { urls: _urls, ...plain } = blob;
  expect(described(plain, { oci: true, nondistributable: true }).mediaType).toBe(expected[0]);
});
