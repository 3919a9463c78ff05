//! 監査証跡: the closed list of what is recorded.

/// Who acted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user of a customer.
    User(crate::id::UserId),
    /// Somebody at the customer's side of the screens who has not logged in.
    Visitor,
    /// A partner product, by its `client_id`.
    Product(String),
    /// A resource server outside this program.
    ResourceServer(String),
    /// Staff, or a command run by staff.
    Operator(String),
    /// The server itself.
    System,
}

impl Actor {
    /// The kind, and the identifier within it.
    #[must_use]
    pub fn parts(&self) -> (&'static str, Option<String>) {
        match self {
            Actor::User(id) => ("user", Some(id.to_string())),
            Actor::Visitor => ("visitor", None),
            Actor::Product(client) => ("product", Some(client.clone())),
            Actor::ResourceServer(id) => ("resource_server", Some(id.clone())),
            Actor::Operator(name) => ("operator", Some(name.clone())),
            Actor::System => ("system", None),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What was done, attempted or refused. The list is closed: what is not here is not recorded, and nothing is
        /// recorded under another name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// Every action there is.
            pub const ALL: &'static [Action] = &[$(Action::$name,)*];

            /// How it stands in the audit table.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Action::$name => $word,)* }
            }
        }
    };
}

actions! {
    /// A partner pushed an authorization request.
    RequestPushed = "request_pushed",
    /// A partner's credential was refused.
    ClientRefused = "client_refused",
    /// A customer arrived with a pushed request.
    FlowOpened = "flow_opened",
    /// A login was tried.
    LoginTried = "login_tried",
    /// The certificate of a login was found to be no longer good.
    CertificateLapsed = "certificate_lapsed",
    /// Operations were chosen.
    OperationsChosen = "operations_chosen",
    /// An inquiry PIN was tried.
    PinTried = "pin_tried",
    /// A flow ended without a permission.
    FlowClosed = "flow_closed",
    /// A permission was given: a linkage began.
    LinkageBegun = "linkage_begun",
    /// A permission was given: a linkage was renewed.
    LinkageRenewed = "linkage_renewed",
    /// Accounts were added to a linkage by the customer.
    LinkageWidened = "linkage_widened",
    /// A linkage was ended.
    LinkageEnded = "linkage_ended",
    /// Inquiry PINs came into force.
    PinsRegistered = "pins_registered",
    /// Inquiry PINs that no linkage has used for long were deleted.
    PinsDeleted = "pins_deleted",
    /// A registered inquiry PIN was found to be no longer accepted.
    PinFoundStale = "pin_found_stale",
    /// A code was exchanged for tokens.
    CodeRedeemed = "code_redeemed",
    /// A code was refused.
    CodeRefused = "code_refused",
    /// An access token was issued from a refresh token.
    TokenRefreshed = "token_refreshed",
    /// A refresh was refused.
    RefreshRefused = "refresh_refused",
    /// A client was given a token to manage its grants with.
    ClientTokenIssued = "client_token_issued",
    /// A client asked what has become of a grant.
    GrantQueried = "grant_queried",
    /// A partner revoked a token.
    TokenRevoked = "token_revoked",
    /// A resource server asked what a token is good for.
    TokenIntrospected = "token_introspected",
    /// Accounts were listed.
    AccountsRead = "accounts_read",
    /// A balance was read.
    BalanceRead = "balance_read",
    /// Transactions were read.
    TransactionsRead = "transactions_read",
    /// The linkage itself was read.
    LinkageRead = "linkage_read",
    /// A call to the account API was refused.
    ReadRefused = "read_refused",
    /// The customer looked at its linkages.
    LinkagesViewed = "linkages_viewed",
    /// A customer's session ended.
    LoggedOut = "logged_out",
    /// The registry was changed.
    RegistryApplied = "registry_applied",
    /// A signing key of the institution was made and published.
    SigningKeyAnnounced = "signing_key_announced",
    /// A signing key of the institution was given its end.
    SigningKeyRetired = "signing_key_retired",
    /// The master keys of the installation were rotated, used up or wrapped.
    MasterKeysChanged = "master_keys_changed",
    /// Other keys than before were read at a partner's address.
    PartnerKeysRead = "partner_keys_read",
    /// A file was imported, or refused.
    FileImported = "file_imported",
    /// Header fields of a proxy came from somebody who is none, and were ignored.
    ForwardingIgnored = "forwarding_ignored",
    /// Secrets are being guessed at the institution: more vain tries than an hour should bring.
    GuessingNoticed = "guessing_noticed",
    /// The rows came back from a backup: what was issued before is worth nothing.
    Restored = "restored",
    /// The signed trail was begun anew under another name, because it no longer went on from what was signed.
    TrailBegunAnew = "trail_begun_anew",
    /// Records were deleted; their entries stay in the trail.
    RecordsRemoved = "records_removed",
    /// A lock was opened by staff.
    GuardUnlocked = "guard_unlocked",
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
}

impl Outcome {
    /// How it stands in the audit table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
        }
    }
}

/// One audit record, but for what the store adds: the institution, the identifier and the time. Never holds a secret, a
/// PIN, a token or a full account number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Who acted.
    pub actor: Actor,
    /// What was done.
    pub action: Action,
    /// How it ended.
    pub outcome: Outcome,
    /// The identifier of the thing acted on: a linkage, an account, a flow, a client.
    pub object: Option<String>,
    /// A machine-readable reason or particulars, ASCII words.
    pub detail: Option<String>,
    /// The request this belongs to; the partner or the customer is shown it too.
    pub request_id: Option<String>,
}

impl Record {
    /// A record of something done.
    #[must_use]
    pub fn done(actor: Actor, action: Action) -> Record {
        Record { actor, action, outcome: Outcome::Done, object: None, detail: None, request_id: None }
    }

    /// A record of something refused, with its reason.
    #[must_use]
    pub fn refused(actor: Actor, action: Action, reason: &str) -> Record {
        Record { outcome: Outcome::Refused, detail: Some(reason.to_owned()), ..Record::done(actor, action) }
    }

    /// The same record about this object.
    #[must_use]
    pub fn on(self, object: impl ToString) -> Record {
        Record { object: Some(object.to_string()), ..self }
    }

    /// The same record with particulars.
    #[must_use]
    pub fn with(self, detail: impl Into<String>) -> Record {
        Record { detail: Some(detail.into()), ..self }
    }

    /// The same record, belonging to this request.
    #[must_use]
    pub fn in_request(self, request_id: &str) -> Record {
        Record { request_id: Some(request_id.to_owned()), ..self }
    }
}
