regexslow index.php
