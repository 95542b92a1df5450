export { bodyCodecs } from './body-codecs';
export { requestMembers } from './request-members';
