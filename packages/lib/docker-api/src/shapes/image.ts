import type { ImageInspect, ImageSummary } from '@gantry/api/gantry/engine/v1/types';
import { exactNumber } from '../json/codec';
import { messageCodec } from '../messages';
import type { ApiVersion } from '../versions/version';

/** What dockerd 28 shows of an image's configuration also where there is nothing. */
const emptyConfig = {
  User: '',
  Env: null,
  Cmd: null,
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** Before 1.50 the image's configuration had the form of a container's, with everything that does not apply empty. */
const legacyConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** From 1.52 on nothing that is not set is told. */
const shownEmpty = (version: ApiVersion): object => (version.atLeast('1.52') ? {} : version.atLeast('1.50') ? emptyConfig : legacyConfig);

/** What an image without a time was made at before 1.44. */
const NEVER = '0001-01-01T00:00:00Z';

/** VirtualSize ended with 1.44. */
const virtualSize = (size: bigint, version: ApiVersion): object => (version.atLeast('1.44') ? {} : { VirtualSize: exactNumber(size) });

/** image.InspectResponse: GET /images/{name}/json. */
export function writeImageInspect(image: ImageInspect, version: ApiVersion): object {
  const written = messageCodec('ImageInspect').write(image, version) as { Config: object };
  return {
    ...written,
    Config: { ...shownEmpty(version), ...written.Config },
    ...virtualSize(image.Size, version),
    ...(version.atLeast('1.44') || image.Created !== '' ? {} : { Created: NEVER }),
  };
}

/** image.Summary: one line of `docker images`. An image without names was shown with `<none>` before 1.43. */
export function writeImageSummary(image: ImageSummary, version: ApiVersion): object {
  const named =
    version.atLeast('1.43') || image.RepoTags.length > 0 || image.RepoDigests.length > 0
      ? image
      : { ...image, RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] };
  return { ...(messageCodec('ImageSummary').write(named, version) as object), ...virtualSize(image.Size, version) };
}
