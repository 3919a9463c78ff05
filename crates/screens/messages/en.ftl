# What the pages say in English; the same as ja.ftl, sentence by sentence.

## Frame
frame-service = API linkage
frame-skip = Skip to the content
frame-language = Language
frame-steps = Steps
frame-step = Step { $number } of { $total }
frame-aside = {" "}({ $text })
frame-error = Error:{" "}
frame-errors = Please check what you entered
frame-customer = { $customer }
frame-login-id = Login ID: { $id }
frame-logout = Log out

foot-contact = Contact
foot-code = (institution code { $code })
foot-telephone = Telephone
foot-hours = ({ $hours })
foot-terms = API terms of use
foot-privacy = Privacy policy
foot-purpose = These pages let business-banking customers of { $institution } register, review and stop linkages with outside services.
foot-purpose-root = These pages let customers of financial institutions register, review and stop linkages with outside services.

asking-heading = Service asking for the linkage
asking-company = Company
asking-domain = Registered domain
asking-registration = Electronic payment service provider
asking-login-id = Logged in as
asking-label = A partner under contract with, and checked by, { $self }.
asking-secret = { $company } never learns your login ID, password or inquiry PINs.

time-left = About { $minutes } { $minutes ->
    [one] minute
   *[other] minutes
 } left (until { $until } JST)
time-idle = It ends earlier if you do nothing for { $minutes } minutes.
time-extend = Extend by { $minutes } minutes (once)
time-extended = Already extended. It can't be extended again.

step-login = Login
step-operations = Operations
step-pins = Inquiry PINs
step-results = Results
step-existing = Renew or add
step-permission = Permission
step-ended = End

leave-button = Leave
leave-leads = “Leave” takes you back to { $product } ({ $host }) without registering anything.
next-button = Next
register-button = Register
skip-button = Go on without registering
confirm-button = Confirm
more-button = Register more inquiry PINs
allow-button = Allow
deny-button = Don't allow

## Login
login-heading = Login for linkage
login-lead = To link with { $product } ({ $company }), please prove that you are a business-banking user.
disclaimer-heading = Disclaimer
disclaimer-what = This function hands your financial information to the outside service “{ $product }” ({ $company }).
disclaimer-own = Please use it only if you agree to the API terms of use of { $self }, and at your own responsibility.
text-version = (version { $version })
certificate-users = If you log in with a certificate
certificate-how = If you hold an electronic certificate, press “Certificate login” and choose your certificate from the list your browser shows.
certificate-button = Certificate login
certificate-trouble = If no list of certificates appears
certificate-trouble-device = Use the computer and browser on which you obtained the certificate.
certificate-trouble-closed = If you closed the list, close all browser windows and begin again.
certificate-trouble-ended = An expired certificate can't be chosen. Renew it in business banking.
certificate-trouble-call = If that does not help, call { $telephone } ({ $hours }).
password-users = If you log in with an ID and password
password-how = Enter your login ID and login password, then press “API linkage”.
certificate-only = If you have no certificate
certificate-only-why = This linkage needs a login by certificate. A login ID and password will not do.
certificate-only-none = Return without a certificate
login-id = Login ID
login-id-hint = Full-width letters and digits are read as half-width, and spaces are removed.
login-password = Login password
login-id-missing = Enter your login ID.
login-password-missing = Enter your login password.
login-refused = You could not be logged in. Please check what you entered. If that does not help, call { $telephone } ({ $hours }).
my-login-heading = Review and stop linkages: log in
my-login-lead = To review or stop your linkages, please log in as a business-banking user.
my-password-how = Enter your login ID and login password, then press “Log in”.
my-login-button = Log in

certificate-heading = Check your certificate
certificate-lead = You are about to log in with this certificate. Check it, then press “Certificate login”.
certificate-customer = Customer
certificate-serial = Serial number of the certificate
certificate-until = Certificate valid until
certificate-back = Choose another way to log in
certificate-other = To use another certificate, close all browser windows and begin again.

## Operations
operations-heading = Choose the operations
operations-lead = Choose what { $product } ({ $company }) may do, then press “Next”.
operations-legend = Operations to permit
operation-balances = Balance inquiry
operation-balances-data = Hands over: the balance and the available balance of the account
operation-transactions = Transaction inquiry
operation-transactions-data = Hands over: date, amount and description of each transaction, the remitter's name, and what came with a transfer
operations-only = This permits inquiries only. Nobody can transfer or move money with it.
operations-none = Choose at least one operation.

## Inquiry-PIN registration
pins-heading = Register inquiry PINs
pins-lead = Linking needs your present inquiry PINs (the four digits filed with { $self }). Select the accounts, enter their inquiry PINs, then press “Register”.
pins-fold = Full-width digits are read as half-width, and spaces are removed.
pins-caption = Accounts
pins-select = Select { $account }
pins-field = Inquiry PIN of { $account }
pins-again = Only to enter it anew
column-select = Select
column-state = Status
column-account = Inquiry account
memo-label = Memo:{" "}
column-pin = Inquiry PIN
column-result = Result
pin-missing = Missing
pin-registered = Registered
pin-staged = Registered*
pin-stale = Must be renewed
pin-locked = Locked
pins-note-staged = Inquiry PINs of accounts marked “*” come into force when you give the permission on the last page. If you leave before, they are not registered.
pins-note-use = Registered inquiry PINs are used for inquiries through the linkage only. They are never given to the partner.
pins-note-empty = An account you leave empty stays “Missing”, and nothing about it is handed to the partner. You can add it later without linking anew.
pins-none = Select at least one account whose inquiry PIN you want to register.
pin-error-empty = Enter the inquiry PIN, or untick the account ({ $account }).
pin-error-digits = Enter the inquiry PIN as four digits ({ $account }).
pin-error-wrong = This is not the inquiry PIN filed with us. Please check it and enter it again ({ $account }).
pin-error-locked = After several wrong tries we no longer accept a PIN for this account. Please call { $telephone }, { $hours } ({ $account }).
pin-error-unchecked = The inquiry PIN could not be checked. Please try again later ({ $account }).

## Results
results-heading = Result of the registration
results-lead = We have received these inquiry PINs. Check them, then press “Confirm”.
results-lead-trouble = Some accounts could not be registered. Check them, then enter their PINs again with “Register more inquiry PINs”, or press “Confirm” to go on with the others.
results-caption = Result by account
results-nothing = There is no account yet whose information could be handed over. Please use “Register more inquiry PINs”.
result-registered = Received
result-in-force = Already in force
result-wrong = Not the inquiry PIN filed with us
result-wrong-tries = Not the inquiry PIN filed with us ({ $tries } { $tries ->
    [one] try
   *[other] tries
 } left before it is locked)
result-locked = Locked after several wrong tries. Please call { $telephone }
result-unchecked = Could not be checked. Please try again later
result-empty = Nothing was entered

## Renew or add
existing-heading = You already have a linkage
existing-lead = You are already linked with { $product } ({ $company }). Please choose what to do this time.
existing-legend = This time
existing-renew = Renew the linkage registered on { $from }
existing-expired = Expired
existing-until = It ends on { $until }.
existing-used = It was last used on { $at }.
existing-new = Add another linkage
existing-new-what = For a second set of books or a second client, for example. The present linkage goes on as it is.
existing-note = A renewal keeps your accounts and continues the transactions where they are. The linkage period starts afresh on the day of the permission.
existing-none = Choose whether to renew or to add a linkage.

## Permission
permission-heading = Permit access to your information
permission-lead = { $product } ({ $company }) asks for access to the account and transaction information of your internet banking.
permission-each = { $company } and { $institution } each handle this information under their own terms of use and privacy policy. Check what follows, then press “Allow”.
permission-who = Who receives the information
permission-product = Service
permission-purpose = Purpose
permission-customer = Permission given by
permission-operations = Permitted operations
permission-accounts = Accounts
permission-accounts-asked = { $product } asks for a permission for these accounts only.
permission-accounts-hint = Untick the accounts whose information is not to be handed over.
permission-without-pin = These accounts have no inquiry PIN and are not handed over. You can add them later.
permission-period = Linkage period
permission-period-dates = From { $from } until { $until }
permission-early = This operation is permitted until { $until }.
permission-renews = This renews your present linkage (ending on { $until }). Accounts and transactions continue where they are.
permission-terms = API terms of use
permission-terms-link = Read the API terms of use in full (version { $version })
permission-stop = How to stop it later
permission-stop-how = You can stop it at any time, on the page “Review and stop linkages” of { $institution } or at the partner. From then on nothing more is handed over.
permission-intent = Confirmation of intent
permission-intent-text = I agree that the information of the operations and accounts above is handed to the partner during the linkage period, and I agree to the API terms of use.
permission-intent-tick = Continue with the permission
permission-leads = “Allow” takes you back to { $product } ({ $host }).
permission-deny-leads = “Don't allow” takes you back to { $product } ({ $host }) without handing over anything.
permission-no-account = Tick at least one account.
permission-no-intent = Read the confirmation of intent and tick “Continue with the permission”.
permission-changed = What is shown has changed meanwhile. Please check it and press “Allow” again.

## Ends
ended-reference = Reference number:
ended-code = Error code:
ended-declined = You did not allow the access
ended-declined-what = None of your information has been handed over, and the inquiry PINs you entered have not been registered.
ended-declined-next = If you want to link after all, begin again at { $product }.
ended-cancelled = You left the procedure
ended-cancelled-what = Nothing has been registered, and none of your information has been handed over.
ended-cancelled-next = To begin again, please start from { $product }.
ended-timed-out = The time for this procedure is over
ended-timed-out-what = To keep you safe, the procedure ends after a while. Nothing has been registered.
ended-timed-out-next = Return to { $product } and begin again from its account registration.
ended-done = This procedure is complete
ended-done-what = We have received your permission already. Nothing is done twice.
ended-done-next = You may close this page. You can review the linkage on the page “Review and stop linkages”.
ended-locked = Login is not possible at the moment
ended-locked-what = After several failed logins we accept no more for a while.
ended-locked-next = Please try again later, or call { $telephone } ({ $hours }).
ended-user-changed = Another user has logged in
ended-user-changed-what = Another user logged in in the same browser, so this procedure has ended. Nothing has been registered.
ended-user-changed-next = To go on, begin again at the partner.
ended-elsewhere = This procedure was finished elsewhere
ended-elsewhere-what = The same procedure was open in another browser or on another device, and was permitted or left there. Nothing has been registered from this page.
ended-elsewhere-next = See the result where you finished it, or at { $product }. If it was not you, please call { $telephone } ({ $hours }).
ended-link = This procedure can't go on
ended-link-what = We could not verify what the partner sent. It may have been used already, have expired or be incorrect.
ended-link-next = Return to the service you use and begin again from its account registration. To keep you safe, this page leads to no other site.
ended-not-allowed = You can't use linkages
ended-not-allowed-what = Your contract or your permissions as a user do not allow linkages.
ended-not-allowed-next = Ask your company's administrator whether you may inquire on an account, then call { $telephone } ({ $hours }).
ended-login-not-met = A certificate login is needed
ended-login-not-met-what = This linkage asks for a login by certificate. Nothing has been registered.
ended-login-not-met-next = A user with a certificate can begin again at { $product }.
ended-certificate = Your certificate could not be verified
ended-certificate-what = No certificate was chosen, or it can't be used here.
ended-certificate-next = Close all browser windows and try again on the computer on which you obtained the certificate. If that does not help, call { $telephone } ({ $hours }).
ended-lapsed = Your certificate can no longer be used
ended-lapsed-what = The certificate you logged in with was revoked or has expired in the meantime, so you have been logged out. What you were just doing has not been registered.
ended-lapsed-next = Log in again with a valid certificate. If you did not have it revoked yourself, call { $telephone } ({ $hours }).
ended-form = What was sent could not be accepted
ended-form-what = The page may be too old, or the form may have been sent from another page. Your procedure is unharmed.
ended-form-next = Go back to the procedure and try again.
ended-not-found = Page not found
ended-not-found-what = The address may be wrong, or the page may be gone.
ended-not-found-next = Please check the address.
ended-method = This can't be done here
ended-method-what = This address does not accept that kind of request.
ended-method-next = Go back and use the buttons on the page.
ended-too-many = Too many requests
ended-too-many-what = There were many requests within a short time, so we accept no more for the moment.
ended-too-many-next = Please wait about a minute and try again.
ended-maintenance = Not available at the moment
ended-maintenance-what = We are closed or under maintenance. Your linkages are not affected.
ended-maintenance-until = Expected to reopen: { $at }
ended-maintenance-next = Please begin again then.
ended-failure = We could not complete this
ended-failure-what = Something went wrong on our side. We are sorry.
ended-failure-next = Please try again later. If it happens again, call us with the reference number at hand.
ended-unknown = We cannot tell whether this was done
ended-unknown-what = Something went wrong on our side just as your entry was being saved, so it may have been saved or not. We are sorry.
ended-unknown-next = Please wait a moment and go on from the link on this page: it shows how things stand. If it happens again, call us with the reference number at hand.
way-back = Back to the procedure
way-partner = Back to { $product } ({ $host })
way-login = Go to the login
way-linkages = To your linkages
way-home = About account linkage
way-institutions = To the list of institutions

## Adding accounts, mending PINs
accounts-heading = Add accounts, renew inquiry PINs
accounts-lead = Select the accounts to add to the linkage with { $product } ({ $company }), or those whose inquiry PIN must be entered anew, then press “Register”.
accounts-empty = There is no account to add and no PIN to renew.
accounts-back = Back to the linkage
accounts-note = Information on these accounts is handed to { $product } until the period of this linkage ends. An account marked “Registered” only needs to be ticked.
list-comma = ,{" "}

## Reviewing and stopping linkages
linkages-heading = Review and stop linkages
linkages-lead = Here you can review your linkages and stop them.
linkages-empty = You have no linkages.
linkages-empty-how = A linkage begins in the account registration of the service you use.
linkages-due = Linkages that need your attention
linkages-current = Present linkages
linkages-ended = Linkages that have ended
linkages-notices = Notices
notice-login-password = You logged in with your login ID and password from { $source }.
notice-login-certificate = You logged in with your certificate from { $source }.
notice-failed = { $count ->
        [one] There was one failed login
       *[other] There were { $count } failed logins
    } before this login. If it was not you, please call { $institution } ({ $telephone }).
notice-permitted = You permitted a linkage with { $product }.
notice-ended-partner = Your linkage with { $product } was ended at the partner.
notice-ended-bank = We ended your linkage with { $product }. If you do not know why, please call { $institution } ({ $telephone }).
notice-certificate-added = A certificate was registered for you. If you do not know of it, please call { $institution } ({ $telephone }).
notice-certificate-removed = A certificate of yours was taken away.
linkages-open = See details
linkages-back = Back to the list of linkages
linkage-heading = Linkage with { $product }
linkage-registered = Your accounts have been registered.
linkage-since = First registered
linkage-until = Ends on
linkage-ended = Stopped on
linkage-used = Last used
linkage-unused = Not used yet
linkage-consents = Permissions on record
consent-at = Permitted at
consent-terms = Terms version
consent-reference = Reference number
state-active = Linked
state-due = Ends soon
state-stale = PIN must be renewed
state-suspended = Suspended
state-ended = Ended
why-due = It ends in { $days } { $days ->
    [one] day
   *[other] days
 }. If you renew it at { $product }, accounts and transactions continue where they are.
why-stale = An inquiry PIN was changed, so inquiries on some accounts have stopped. Enter the new PIN to resume them.
reason-expired = Its period is over, so nothing is handed over. If you renew it at { $product }, it resumes where it stopped.
reason-by-customer = Stopped at your request.
reason-by-partner = Stopped at the partner.
reason-by-institution = Stopped by { $self }. Please contact us for details.
reason-contract-suspended = Your business-banking contract is suspended, so nothing is handed over.
reason-contract-ended = Ended with your business-banking contract.
reason-user-suspended = The user who gave the permission is suspended, so nothing is handed over. Please ask your company's administrator.
reason-user-removed = Ended because the user who gave the permission is no longer registered. Another user can register it anew.
reason-partner-suspended = Linking with this partner is suspended for the moment. Please wait until it resumes.
reason-partner-ended = Ended because we no longer work with this partner.
reason-pin-missing = No inquiry PIN is registered, so there are no inquiries.
reason-pin-stale = The inquiry PIN was changed, so inquiries have stopped.
reason-account = The account was closed or may no longer be inquired on.

## Stopping
stop-link = Stop
stop-heading = Stop the linkage with { $product }?
stop-what = From then on, nothing more is handed to { $product } ({ $company }). What has been handed over already stays with the partner.
stop-again = To link again, you have to register anew at the partner.
stop-button = Stop the linkage
stop-not = Don't stop
stopped-heading = The linkage has been stopped
stopped-what = Nothing more is handed to { $product }.
stopped-reference = Receipt number
stopped-at = Stopped at
stopped-linkage = The linkage that was stopped
stopped-partner = Please ask { $company } what becomes of the information it already has. You can print this page as your receipt.

## Public page
public-heading = Account linkage for corporate internet banking
public-lead = In its internet banking for companies (business banking), { $self } offers services through linkages with the companies below.
public-partners = Partners and their services
public-no-partners = There are no partners at present.
public-as-of = As of { $day }
public-partner = Partner
public-products = Services
public-not-ours = The services are not provided by { $self }. Please ask the partner about them.
public-more = Linkages with further companies are planned.
public-about = About the service
public-about-what = With your consent, it hands information such as balances and transactions to outside companies (partners) that offer accounting software and the like, without your entrusting them with your login ID or login password.
public-about-safe = You can use the partner's services more safely and reliably than before.
public-cautions = Please note
public-caution-contract = You need a contract with the outside company (partner) for its service, and a business-banking contract with { $self }.
public-caution-stop = To stop handing information to the partner, use its own procedure or “Review and stop linkages” of { $self }.
public-caution-period = A linkage has an end date. After it, you have to register again.
public-caution-own = The login for linkage hands your financial information to the outside company (partner). Please use it only if you agree to the API terms of use of { $self }, and on your own responsibility.
public-how = How to use it
public-how-begin = In the partner's service, go to its account registration and choose your account with { $self }. You are then taken to our login for linkage.
public-step-login = Press “Certificate login”, or enter your login ID and login password and press “API linkage”.
public-step-operations = Choose the operations and press “Next”. With some partners this page is not shown.
public-step-pins = Select the accounts without an inquiry PIN, enter the PINs filed with { $self } and press “Register”. If all are registered, this page is not shown.
public-step-results = Check the result and press “Confirm”, or go on with “Register more inquiry PINs”.
public-step-permission = Check the operations, accounts and period, tick “Continue with the permission” and press “Allow”. You are taken back to the partner.
public-terms = Terms
public-terms-version = API terms of use (version { $version }, in force from { $from })
terms-from = In force from { $from }
terms-language = The Japanese text is the authoritative one.
institutions-heading = Financial institutions offering linkages
institutions-lead = Choose your financial institution.
