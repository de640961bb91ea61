crlf index.php
