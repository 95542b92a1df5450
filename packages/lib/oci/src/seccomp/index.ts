export { compileSeccomp, defaultSeccompProfile, parseSeccompProfile, type SeccompProfile } from './profile';
