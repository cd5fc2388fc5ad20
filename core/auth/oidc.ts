/** Whose access tokens are taken, and what in them makes a role. */
export interface OidcConfig {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's public keys are. */
  readonly jwksUri: string;
  /** Path to the claim that lists roles, such as `roles` or `realm_access.roles`. */
  readonly rolesClaim: string;
  /** Members of that list that make an administrator or a reader. */
  readonly adminRole: string;
  readonly readerRole: string;
}
