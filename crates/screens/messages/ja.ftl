# 画面の文言。一つの文は一か所にだけ置く。$self は「当組合・当金庫・当行」、どの文でも使える値は src/frame.rs を参照。

## 枠
frame-service = API連携
frame-skip = 本文へ進む
frame-language = 表示言語
frame-steps = 手続きの流れ
frame-step = ステップ { $number } / { $total }
frame-aside = （{ $text }）
frame-error = エラー：
frame-errors = 入力内容をご確認ください
frame-customer = { $customer } さま
frame-login-id = ログインID：{ $id }
frame-logout = ログアウト

foot-contact = お問い合わせ
foot-code = （金融機関コード { $code }）
foot-telephone = 電話
foot-terms = API利用規定
foot-privacy = プライバシーポリシー
foot-purpose = このページは、{ $institution }のビジネスバンキングをご利用のお客さまが、外部サービスとのAPI連携を登録・確認・停止するためのものです。
foot-purpose-root = このサイトは、金融機関のお客さまが、外部サービスとのAPI連携を登録・確認・停止するためのものです。

asking-heading = API連携を求めているサービス
asking-company = 提供会社
asking-domain = 登録ドメイン
asking-registration = 電子決済等代行業者
asking-login-id = ログイン中のID
asking-label = { $self }と契約し、{ $self }が確認した連携先です。
asking-secret = ログインID・ログインパスワード・照会用暗証番号が { $company } に伝わることはありません。

time-left = 残り約{ $minutes }分（{ $until }まで）
time-idle = { $minutes }分間操作がないと、その前に終了します。
time-extend = { $minutes }分延長する（1回限り）
time-extended = 延長済みです。これ以上は延長できません。

step-login = 認証
step-operations = 認可業務の選択
step-pins = 照会用暗証番号
step-results = 登録結果
step-existing = 更新・追加の選択
step-permission = 情報アクセス許可
step-ended = 終了

leave-button = 連携をやめる
leave-leads = 「連携をやめる」を押すと、何も登録せずに { $product }（{ $host }）に戻ります。
next-button = 次へ
register-button = 登録
skip-button = 登録せずに進む
confirm-button = 確定
more-button = 照会用暗証番号の追加登録
allow-button = 許可
deny-button = 許可しない

## 認証
login-heading = API連携認証（利用登録）
login-lead = { $product }（{ $company }）とAPI連携をするため、ビジネスバンキングの利用者として認証を受けてください。
disclaimer-heading = 免責事項
disclaimer-what = 本機能は、お客さまの金融情報を連携先サービス「{ $product }」（{ $company }）に提供するものです。
disclaimer-own = { $self }のAPI利用規定に同意のうえ、必ずお客さまご自身の責任において行っていただきますようお願いいたします。
text-version = （{ $version }版）
certificate-users = 電子証明書方式のお客さま
certificate-how = 電子証明書をお持ちの方は、「電子証明書ログイン」ボタンを押し、ブラウザに表示される一覧から電子証明書を選んでください。
certificate-button = 電子証明書ログイン
certificate-trouble = 証明書の選択画面が出ないとき
certificate-trouble-device = 電子証明書を取得したパソコンとブラウザでお試しください。
certificate-trouble-closed = 選択画面を閉じてしまった場合は、ブラウザをすべて閉じてから、もう一度はじめてください。
certificate-trouble-ended = 有効期限が切れた電子証明書は選べません。ビジネスバンキングで更新してください。
certificate-trouble-call = 解決しないときは { $telephone }（{ $hours }）へお電話ください。
password-users = ID・パスワード方式のお客さま
password-how = ログインIDとログインパスワードを入力のうえ、「API連携」ボタンを押してください。
login-id = ログインID
login-id-hint = 全角の英数字は半角として扱い、空白は取り除きます。
login-password = ログインパスワード
login-id-missing = ログインIDを入力してください。
login-password-missing = ログインパスワードを入力してください。
login-refused = ログインできませんでした。入力内容をご確認ください。解決しないときは { $telephone }（{ $hours }）へお問い合わせください。
my-login-heading = API連携の確認・停止：ログイン
my-login-lead = 登録済みのAPI連携を確認・停止するため、ビジネスバンキングの利用者としてログインしてください。
my-password-how = ログインIDとログインパスワードを入力のうえ、「ログイン」ボタンを押してください。
my-login-button = ログイン

certificate-heading = 電子証明書の確認
certificate-lead = 次の電子証明書でログインします。内容をご確認のうえ、「電子証明書ログイン」ボタンを押してください。
certificate-customer = ご契約先
certificate-serial = 証明書のシリアル番号
certificate-until = 証明書の有効期限
certificate-back = ログイン方法を選び直す
certificate-other = 別の電子証明書を使うときは、ブラウザをすべて閉じてから、もう一度はじめてください。

## 認可業務選択
operations-heading = 認可する業務の選択
operations-lead = { $product }（{ $company }）に許可する業務を選び、「次へ」ボタンを押してください。
operations-legend = 認可対象
operation-balances = 残高照会
operation-balances-data = 提供する情報：口座の残高、支払可能残高
operation-transactions = 入出金明細照会
operation-transactions-data = 提供する情報：入出金の日付、金額、摘要、振込依頼人の名前、振込に付けられた情報
operations-only = 照会だけの許可です。振込など、お金を動かすことはできません。
operations-none = 認可する業務を1つ以上選択してください。

## 照会用暗証番号登録
pins-heading = 照会用暗証番号の登録
pins-lead = API連携を行う場合は、現在の照会用暗証番号（{ $self }へお届けの数字4桁）の登録が必要です。口座を選択し、照会用暗証番号を入力のうえ、「登録」ボタンを押してください。
pins-fold = 全角の数字は半角として扱い、空白は取り除きます。
pins-caption = 口座一覧
pins-select = { $account } を選択
pins-field = { $account } の照会用暗証番号
pins-again = 入れ直すときだけ入力
column-select = 選択
column-state = 登録状態
column-account = 照会用口座
column-memo = 口座メモ
column-pin = 照会用暗証番号
column-result = 結果
pin-missing = 未登録
pin-registered = 登録済み
pin-staged = 登録済み*
pin-stale = 再登録が必要
pin-locked = 受付停止中
pins-note-staged = 登録状態に「*」が付いた口座の照会用暗証番号は、最後の画面で許可したときに有効になります。途中でやめたときは登録されません。
pins-note-use = 登録した照会用暗証番号は、API連携での照会にのみ使用します。連携先に渡すことはありません。
pins-note-empty = 入力しない口座は「未登録」のままになり、その口座の情報は連携先に提供されません。連携したまま、あとから追加できます。
pins-none = 照会用暗証番号を登録する口座を1つ以上選択してください。
pin-error-empty = 照会用暗証番号を入力するか、選択を外してください（{ $account }）。
pin-error-digits = 照会用暗証番号は数字4桁で入力してください（{ $account }）。
pin-error-wrong = 照会用暗証番号がお届けのものと異なります。ご確認のうえ、入力し直してください（{ $account }）。
pin-error-locked = 誤りが続いたため、この口座の受付を停止しました。{ $telephone }（{ $hours }）へお問い合わせください（{ $account }）。
pin-error-unchecked = 照会用暗証番号を確認できませんでした。しばらくしてからもう一度お試しください（{ $account }）。

## 照会用暗証番号登録結果
results-heading = 照会用暗証番号の登録結果
results-lead = 以下の内容で照会用暗証番号を受け付けました。内容をご確認のうえ、「確定」ボタンを押してください。
results-lead-trouble = 登録できなかった口座があります。内容をご確認のうえ、「照会用暗証番号の追加登録」で入力し直すか、登録できた口座だけで「確定」してください。
results-caption = 口座ごとの結果
results-nothing = 情報を提供できる口座がまだありません。「照会用暗証番号の追加登録」から登録してください。
result-registered = 登録しました
result-in-force = すでに有効です
result-wrong = お届けの照会用暗証番号と異なります
result-wrong-tries = お届けの照会用暗証番号と異なります（あと{ $tries }回で受付を停止します）
result-locked = 誤りが続いたため受付を停止しました。{ $telephone } へお問い合わせください
result-unchecked = 確認できませんでした。しばらくしてからお試しください
result-empty = 入力されていません

## 更新か追加か
existing-heading = 登録済みのAPI連携があります
existing-lead = お客さまは、すでに { $product }（{ $company }）とAPI連携をしています。今回の手続きで何をするかをお選びください。
existing-legend = 今回の手続き
existing-renew = { $from }に登録したAPI連携を更新する
existing-expired = 期限切れ
existing-until = 有効期限は{ $until }です。
existing-used = 最後に利用された日時は{ $at }です。
existing-new = 別のAPI連携を新しく追加する
existing-new-what = 帳簿や顧問先を分けて管理するときなどにお選びください。今あるAPI連携はそのまま続きます。
existing-note = 更新では、口座と明細の続きがそのまま引き継がれます。認可期間は許可した日からあらためて始まります。
existing-none = 更新するか、新しく追加するかを選択してください。

## 情報アクセス許可
permission-heading = 情報アクセスの許可
permission-lead = { $product }（{ $company }）が、お客さまのインターネットバンキングの口座情報・明細情報へのアクセスを求めています。
permission-each = { $company }と{ $institution }は、それぞれの利用規約とプライバシーポリシーに従って、この情報を取り扱います。以下の内容をご確認のうえ、「許可」ボタンを押してください。
permission-who = 情報を受け取る連携先
permission-product = サービス名
permission-purpose = 利用目的
permission-customer = 許可するお客さま
permission-operations = 認可対象の業務
permission-accounts = 認可対象の口座
permission-accounts-hint = 情報を提供しない口座は、選択を外してください。
permission-without-pin = 次の口座は照会用暗証番号が未登録のため、提供されません。あとから追加できます。
permission-period = 認可期間
permission-period-dates = { $from }から{ $until }まで
permission-early = この業務は{ $until }までです。
permission-renews = 登録済みのAPI連携（有効期限 { $until }）を更新します。口座と明細の続きはそのまま引き継がれます。
permission-terms = API利用規定への同意
permission-terms-link = API利用規定（{ $version }版）の全文を読む
permission-stop = あとから停止するには
permission-stop-how = いつでも、{ $institution }の「API連携の確認・停止」ページ、または連携先の画面で停止できます。停止すると、情報の提供はただちに止まります。
permission-intent = 意思確認
permission-intent-text = 上記の業務と口座の情報を、認可期間のあいだ連携先に提供することと、API利用規定の内容に同意します。
permission-intent-tick = 許可手続きを継続する
permission-leads = 「許可」を押すと、{ $product }（{ $host }）に戻ります。
permission-deny-leads = 「許可しない」を押すと、何も提供せずに { $product }（{ $host }）に戻ります。
permission-no-account = 情報を提供する口座を1つ以上選択してください。
permission-no-intent = 意思確認をお読みのうえ、「許可手続きを継続する」を選択してください。
permission-changed = 表示している間に、内容が変わりました。新しい内容をご確認のうえ、もう一度「許可」を押してください。

## 終わりの画面
ended-reference = 受付番号：
ended-declined = 許可しませんでした
ended-declined-what = お客さまの情報は提供されていません。入力された照会用暗証番号も登録されていません。
ended-declined-next = あらためて連携するときは、{ $product }の画面からはじめてください。
ended-cancelled = 手続きを中止しました
ended-cancelled-what = 何も登録されていません。お客さまの情報も提供されていません。
ended-cancelled-next = もう一度はじめるときは、{ $product }の画面からお進みください。
ended-timed-out = 手続きの有効時間が過ぎました
ended-timed-out-what = 安全のため、一定の時間で手続きを終了しています。何も登録されていません。
ended-timed-out-next = { $product }に戻り、口座登録の画面から、もう一度はじめてください。
ended-done = この手続きは完了しています
ended-done-what = API連携の許可は、すでに受け付けました。同じ手続きが二重に行われることはありません。
ended-done-next = この画面は閉じてかまいません。登録内容は「API連携の確認・停止」ページで確認できます。
ended-locked = ただいまログインを受け付けていません
ended-locked-what = ログインの誤りが続いたため、しばらくの間、受付を停止しています。
ended-locked-next = 時間をおいてお試しいただくか、{ $telephone }（{ $hours }）へお問い合わせください。
ended-user-changed = 別の利用者がログインしました
ended-user-changed-what = 同じブラウザで別の利用者がログインしたため、この手続きを終了しました。何も登録されていません。
ended-user-changed-next = 手続きを続けるときは、連携先の画面から、もう一度はじめてください。
ended-link = この手続きは続けられません
ended-link-what = 連携先から渡された情報を確認できませんでした。使用済みか、期限が切れているか、正しくない可能性があります。
ended-link-next = お使いのサービスの画面に戻り、口座登録からもう一度はじめてください。安全のため、ここからほかのサイトへは移動しません。
ended-not-allowed = API連携をご利用いただけません
ended-not-allowed-what = お客さまのご契約の状況、または利用者の権限により、API連携を登録できません。
ended-not-allowed-next = 照会できる口座があるか、貴社の管理者の方にご確認のうえ、{ $telephone }（{ $hours }）へお問い合わせください。
ended-certificate = 電子証明書を確認できませんでした
ended-certificate-what = 電子証明書が選ばれなかったか、ご利用いただけない電子証明書です。
ended-certificate-next = ブラウザをすべて閉じ、電子証明書を取得したパソコンで、もう一度お試しください。解決しないときは { $telephone }（{ $hours }）へお問い合わせください。
ended-form = 送信された内容を受け付けられませんでした
ended-form-what = 画面が古くなったか、ほかのページから送信された可能性があります。手続きはそのまま残っています。
ended-form-next = 手続きの画面に戻り、もう一度操作してください。
ended-not-found = ページが見つかりません
ended-not-found-what = アドレスが正しくないか、ページがなくなった可能性があります。
ended-not-found-next = アドレスをご確認ください。
ended-method = この操作は受け付けられません
ended-method-what = このアドレスでは行えない操作です。
ended-method-next = 前の画面に戻り、画面のボタンから操作してください。
ended-too-many = ただいま混み合っています
ended-too-many-what = 短い時間に多くの操作が行われたため、受付を制限しています。
ended-too-many-next = 1分ほど待ってから、もう一度お試しください。
ended-maintenance = ただいまご利用いただけません
ended-maintenance-what = サービスの停止時間帯、またはメンテナンス中です。登録済みのAPI連携には影響ありません。
ended-maintenance-until = 再開予定：{ $at }
ended-maintenance-next = 再開後に、もう一度はじめてください。
ended-failure = 処理を完了できませんでした
ended-failure-what = システムに問題が起きました。ご迷惑をおかけし、申し訳ございません。
ended-failure-next = しばらくしてからもう一度お試しください。続くときは、受付番号をお手元にご用意のうえ、お問い合わせください。
way-back = 手続きの画面に戻る
way-partner = { $product }（{ $host }）に戻る
way-login = ログイン画面へ
way-home = API連携のご案内へ

## 口座の追加・暗証番号の再登録
accounts-heading = 口座の追加・照会用暗証番号の再登録
accounts-lead = { $product }（{ $company }）とのAPI連携に追加する口座、または照会用暗証番号を登録し直す口座を選択し、「登録」ボタンを押してください。
accounts-empty = 追加できる口座、登録し直す口座はありません。
accounts-back = API連携の詳細に戻る
accounts-note = 登録した口座の情報は、このAPI連携の認可期間が終わるまで { $product } に提供されます。「登録済み」の口座は、選択するだけで追加できます。
